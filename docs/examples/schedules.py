"""The code of the guide to schedules."""

from pgqueuer import PgQueuer, Queries
from pgqueuer.models import Schedule, ScheduleContext


def register(pgq: PgQueuer) -> None:
    @pgq.schedule("refresh", "*/5 * * * *")
    async def refresh(schedule: Schedule) -> None:
        print(f"Due every five minutes, in UTC; last run: {schedule.last_run}")

    @pgq.schedule("invoice", "30 2 1 * *", timezone="Europe/Oslo")
    async def invoice(schedule: Schedule) -> None:
        print("Half past two in Oslo, on the first of the month")

    @pgq.schedule("nightly", "0 3 * * *")
    async def nightly(schedule: Schedule, context: ScheduleContext) -> None:
        queries = context.resources["queries"]
        assert isinstance(queries, Queries)
        await queries.enqueue("report", None)
