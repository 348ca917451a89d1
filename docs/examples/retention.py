"""The code of the guide to the retention of history."""

from datetime import timedelta

from pgqueuer import Queries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.db import Driver
from pgqueuer.domain.settings import DBSettings


def keeping_a_quarter(driver: Driver) -> Queries:
    settings = DBSettings(log_retention=timedelta(days=90), statistics_retention=None)
    return Queries(driver, qbe=QueryBuilderEnvironment(settings))


async def delete_all_but_a_week(queries: Queries) -> int:
    return await queries.prune_log(timedelta(days=7), on_progress=print)
