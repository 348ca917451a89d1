"""Schedules run by several schedulers over one PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from textwrap import dedent

import asyncpg
import pytest

from pgqueuer import Queries, SchedulerManager
from pgqueuer.models import Schedule
from pgqueuer.types import CronEntrypoint
from tests.support.kernel import PATIENCE, seconds, until
from tests.support.open_queries import open_queries

EVERY_SECOND = "* * * * * *"
HOURLY = "0 * * * *"
SECOND = timedelta(seconds=1)


@asynccontextmanager
async def running(*managers: SchedulerManager, timeout: float = 30) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(manager.run(seconds(timeout))) for manager in managers]
    try:
        yield
    finally:
        for manager in managers:
            manager.shutdown.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)


def dues(recorded: list[datetime]) -> list[datetime]:
    """One second after another, from the first to the last that was recorded."""
    first, last = min(recorded), max(recorded)
    return [first + n * SECOND for n in range(int((last - first) / SECOND) + 1)]


def recorder(manager: SchedulerManager, into: list[datetime]) -> None:
    @manager.schedule("tick", EVERY_SECOND, missed="all")
    async def tick(schedule: Schedule) -> None:
        assert schedule.due is not None
        into.append(schedule.due)


async def only(queries: Queries) -> Schedule:
    (schedule,) = await queries.peek_schedule()
    return schedule


@pytest.mark.parametrize("driver", ["asyncpg", "pool", "psycopg"])
async def test_a_fleet_runs_every_second_once_and_loses_no_time(queue_dsn, driver):
    recorded: list[datetime] = []
    async with (
        open_queries(queue_dsn, driver) as first,
        open_queries(queue_dsn, driver) as second,
        open_queries(queue_dsn, driver) as third,
    ):
        managers = [SchedulerManager(queries) for queries in (first, second, third)]
        for manager in managers:
            recorder(manager, recorded)
        async with running(*managers):
            await until(lambda: len(recorded) >= 5)
    assert recorded == dues(recorded)
    assert {due.microsecond for due in recorded} == {0}


async def test_a_scheduler_goes_on_where_the_fleet_stopped(connect, queries):
    recorded: list[datetime] = []
    for _ in range(3):
        before = len(recorded)
        manager = SchedulerManager(await connect())
        recorder(manager, recorded)
        async with running(manager):
            await until(lambda before=before: len(recorded) >= before + 2)
    assert recorded == dues(recorded)


WORKER = dedent(
    """
    import asyncio, os, sys
    from datetime import timedelta
    import asyncpg
    from pgqueuer import AsyncpgDriver, Queries, SchedulerManager

    async def main(dsn, hangs):
        connection = await asyncpg.connect(dsn)
        writer = await asyncpg.connect(dsn)
        manager = SchedulerManager(Queries(AsyncpgDriver(connection)))

        @manager.schedule("tick", "* * * * * *", missed="all")
        async def tick(schedule):
            await writer.execute(
                "INSERT INTO ran VALUES ($1, $2)", schedule.due, os.getpid()
            )
            if hangs:
                await asyncio.sleep(3600)

        await manager.run(timedelta(seconds=1))

    asyncio.run(main(sys.argv[1], sys.argv[2] == "hangs"))
    """
)


@asynccontextmanager
async def process(dsn: str, kind: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, dsn, kind)
    try:
        yield started
    finally:
        if started.returncode is None:
            with suppress(ProcessLookupError):
                started.kill()
        await started.wait()


async def test_a_killed_process_loses_only_the_tick_that_it_ran(connect, queries, queue_dsn):
    await queries.driver.execute("CREATE TABLE ran (due timestamptz, pid int)")
    async with process(queue_dsn, "hangs") as victim:
        await until(lambda: _count(queries, 1))
        async with process(queue_dsn, "works"), process(queue_dsn, "works"):
            victim.kill()
            await until(lambda: _count(queries, 6))
    rows = await queries.driver.fetch("SELECT due, pid FROM ran ORDER BY due")
    recorded = [row["due"] for row in rows]
    assert recorded == dues(recorded)
    assert [row["pid"] for row in rows].count(victim.pid) == 1


async def _count(queries: Queries, least: int) -> bool:
    rows = await queries.driver.fetch("SELECT FROM ran")
    return len(rows) >= least


async def test_a_scheduler_that_was_taken_over_leaves_its_successors_row_alone(connect, queries):
    started, gate = asyncio.Event(), asyncio.Event()
    manager = SchedulerManager(await connect())

    @manager.schedule("tick", EVERY_SECOND)
    async def tick(schedule: Schedule) -> None:
        started.set()
        await gate.wait()

    async with running(manager, timeout=0.4):
        async with asyncio.timeout(PATIENCE):
            await started.wait()
        # As a worker of 1.6 takes a schedule over; it writes no due time.
        await queries.driver.execute(
            """
            UPDATE pgqueuer_schedules
            SET next_run = now() + interval '1 hour', heartbeat = now()
            """
        )
        taken = await only(queries)
        await until(lambda: not manager._runs)
        gate.set()
        await until(lambda: not manager.active_heartbeat_ids)
    assert await only(queries) == taken
    assert taken.status == "picked"


async def _hours_ago(queries: Queries, hours: int) -> datetime:
    """Make every hourly schedule due so many hours ago; return the last hour that has begun."""
    (row,) = await queries.driver.fetch(
        """
        UPDATE pgqueuer_schedules
        SET next_run = date_trunc('hour', now(), 'UTC') - $1::int * interval '1 hour'
        WHERE expression = '0 * * * *'
        RETURNING date_trunc('hour', now(), 'UTC') AS hour
        """,
        hours,
    )
    hour = row["hour"]
    assert isinstance(hour, datetime)
    return hour


@pytest.mark.parametrize(("missed", "hours"), [("once", [0]), ("all", [3, 2, 1, 0])])
async def test_after_a_downtime_missed_ticks_follow_the_policy(connect, queries, missed, hours):
    recorded: list[datetime | None] = []
    manager = SchedulerManager(await connect())

    @manager.schedule("hour", HOURLY, missed=missed)
    async def tick(schedule: Schedule) -> None:
        recorded.append(schedule.due)

    [key] = manager.registry
    await queries.insert_schedule({key: timedelta(hours=1)})
    last = await _hours_ago(queries, 3)
    async with running(manager):
        await until(lambda: len(recorded) >= len(hours))
        await until(lambda: not manager.active_heartbeat_ids)
    assert recorded == [last - timedelta(hours=ago) for ago in hours]
    assert (await only(queries)).next_run == last + timedelta(hours=1)


async def test_a_paused_schedule_runs_nowhere_until_it_is_resumed(connect, queries):
    recorded: list[datetime | None] = []
    seconds_passed: list[datetime] = []

    async def scheduler() -> SchedulerManager:
        manager = SchedulerManager(await connect())
        recorder(manager, seconds_passed)

        @manager.schedule("hour", HOURLY, missed="all")
        async def tick(schedule: Schedule) -> None:
            recorded.append(schedule.due)

        return manager

    managers = [await scheduler(), await scheduler()]
    await queries.insert_schedule(dict.fromkeys(managers[0].registry, SECOND))
    last = await _hours_ago(queries, 2)
    await queries.pause_schedule(set(), {CronEntrypoint("hour")})
    async with running(*managers):
        await until(lambda: len(seconds_passed) >= 3)
    assert recorded == []
    assert await _open_to_1_6(queries) == ["tick"]

    await queries.resume_schedule(set(), {CronEntrypoint("hour")})
    assert sorted(await _open_to_1_6(queries)) == ["hour", "tick"]
    async with running(await scheduler()):
        await until(lambda: len(recorded) >= 3)
    assert recorded == [last - timedelta(hours=ago) for ago in (2, 1, 0)]


async def _open_to_1_6(queries: Queries) -> list[object]:
    """The schedules that a worker of 1.6 would run today."""
    rows = await queries.driver.fetch(
        """
        SELECT entrypoint FROM pgqueuer_schedules
        WHERE status = 'queued' AND next_run <= now() + interval '1 day'
        """
    )
    return [row["entrypoint"] for row in rows]


async def test_a_row_of_1_x_is_run_and_goes_on_at_the_due_times(connect, queries):
    recorded: list[datetime | None] = []
    manager = SchedulerManager(await connect())

    @manager.schedule("hour", HOURLY)
    async def tick(schedule: Schedule) -> None:
        recorded.append(schedule.due)

    await queries.driver.execute(
        """
        INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run)
        VALUES ('0 * * * *', 'hour', date_trunc('hour', now(), 'UTC') - interval '13 milliseconds')
        """
    )
    async with running(manager):
        await until(lambda: len(recorded) == 1)
        await until(lambda: not manager.active_heartbeat_ids)
    row = await only(queries)
    assert row.due == recorded[0]
    assert row.due is not None
    assert (row.due.minute, row.due.second, row.due.microsecond) == (0, 0, 0)
    assert row.next_run == row.due + timedelta(hours=1)


async def test_a_scheduler_survives_the_loss_of_its_connections(queue_dsn, queries):
    recorded: list[datetime] = []
    async with open_queries(queue_dsn, "pool") as pooled:
        manager = SchedulerManager(pooled)
        recorder(manager, recorded)
        async with running(manager):
            for count in (2, 4):
                await until(lambda count=count: len(recorded) >= count)
                await _cut_all_others(queue_dsn)
            await until(lambda: len(recorded) >= 6)
    assert recorded == dues(recorded)


async def _cut_all_others(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        )
    finally:
        await connection.close(timeout=5)
