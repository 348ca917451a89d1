"""The code of the guide to drivers."""

import asyncpg
import psycopg

from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, PgQueuer, PsycopgDriver, Queries, connect
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.db import Driver
from pgqueuer.domain.settings import ConnectionSettings, DBSettings


async def by_name(dsn: str) -> int:
    settings = ConnectionSettings(dsn=dsn, pool_max_size=10)
    async with connect("asyncpg", settings) as driver:
        return len(await Queries(driver).enqueue("resize", b"cat.png"))


async def over_an_asyncpg_pool(dsn: str) -> int:
    async with asyncpg.create_pool(dsn, min_size=2) as pool:
        pgq = PgQueuer(AsyncpgPoolDriver(pool))
        return len(await pgq.qm.queries.enqueue("resize", b"cat.png"))


async def over_an_asyncpg_connection(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return len(await Queries(AsyncpgDriver(connection)).enqueue("resize", b"cat.png"))
    finally:
        await connection.close()


async def over_a_psycopg_connection(dsn: str) -> int:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        return len(await Queries(PsycopgDriver(connection)).enqueue("resize", b"cat.png"))


async def two_queues_in_one_database(driver: Driver) -> tuple[PgQueuer, PgQueuer]:
    mail = Queries(driver, qbe=QueryBuilderEnvironment(DBSettings(prefix="mail_")))
    await mail.install()
    return PgQueuer(driver), PgQueuer(driver, queries=mail)
