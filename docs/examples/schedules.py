"""The code of the guide to schedules."""

from datetime import timedelta

from pgqueuer import PgQueuer, Queries
from pgqueuer.models import CronEntrypoint, Schedule, ScheduleContext


def register(pgq: PgQueuer) -> None:
    @pgq.schedule("refresh", "*/5 * * * *")
    async def refresh(schedule: Schedule) -> None:
        print(f"Due every five minutes, in UTC; last run: {schedule.last_run}")

    @pgq.schedule("invoice", "30 2 1 * *", timezone="Europe/Oslo")
    async def invoice(schedule: Schedule) -> None:
        print("Half past two in Oslo, on the first of the month")

    @pgq.schedule("hourly-sums", "0 * * * *", missed="all")
    async def hourly_sums(schedule: Schedule) -> None:
        print(f"Add up the hour before {schedule.due}")

    @pgq.schedule("sync", "0 * * * *", jitter=timedelta(minutes=5))
    async def sync(schedule: Schedule) -> None:
        print("Some time in the first five minutes of the hour")

    @pgq.schedule("nightly", "0 3 * * *")
    async def nightly(schedule: Schedule, context: ScheduleContext) -> None:
        await context.queries.enqueue("report", None)


async def pause_for_maintenance(queries: Queries) -> None:
    await queries.pause_schedule(set(), {CronEntrypoint("sync")})
    print("No worker starts it now")
    await queries.resume_schedule(set(), {CronEntrypoint("sync")})
