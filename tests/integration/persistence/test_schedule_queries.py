"""Who runs which tick of a schedule."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver
from pgqueuer.models import CronExpressionEntrypoint
from pgqueuer.queries import Queries
from pgqueuer.types import CronEntrypoint, CronExpression, ScheduleId
from tests.support.open_queries import open_queries

NOW = timedelta(0)
HOUR = timedelta(hours=1)
PATIENCE = 20
"""Seconds after which a query counts as waiting for a lock."""


def key(entrypoint: str, expression: str = "0 * * * *") -> CronExpressionEntrypoint:
    return CronExpressionEntrypoint(CronEntrypoint(entrypoint), CronExpression(expression))


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn, request.param) as opened:
        yield opened


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def silence(db: asyncpg.Connection, seconds: int) -> datetime:
    """Make every schedule's last heartbeat older; return the time of the database."""
    return await db.fetchval(
        """
        UPDATE pgqueuer_schedules SET heartbeat = heartbeat - $1 * interval '1 second'
        RETURNING now()
        """,
        seconds,
    )


async def make_due(db: asyncpg.Connection) -> None:
    await db.execute("UPDATE pgqueuer_schedules SET next_run = now() - interval '1 minute'")


async def test_a_schedule_that_exists_is_left_alone_by_insert(queries: Queries) -> None:
    await queries.insert_schedule({key("a"): HOUR, key("b"): HOUR})
    (first, *_) = before = await queries.peek_schedule()

    await queries.insert_schedule({key("a"): NOW, key("a", "1 * * * *"): HOUR})

    after = await queries.peek_schedule()
    assert after[:2] == before
    assert [(row.entrypoint, row.expression) for row in after[2:]] == [("a", "1 * * * *")]
    assert (first.status, first.last_run) == ("queued", None)
    assert timedelta(0) < first.next_run - first.created <= HOUR


async def test_a_due_schedule_is_picked_once_and_due_again_after_its_delay(
    queries: Queries,
) -> None:
    await queries.insert_schedule({key("a"): NOW, key("later"): HOUR, key("unasked"): NOW})
    wanted = {key("a"): HOUR, key("later"): HOUR}

    (picked,) = await queries.fetch_schedule(wanted)

    assert (picked.entrypoint, picked.status) == ("a", "picked")
    assert picked.next_run - picked.heartbeat == HOUR
    assert picked.updated == picked.heartbeat > picked.created
    assert await queries.fetch_schedule(wanted) == []


async def test_each_tick_goes_to_one_of_many_pollers(queue_dsn: str) -> None:
    wanted = {key(f"tick{number}"): HOUR for number in range(40)}
    async with open_queries(queue_dsn, "pool") as queries:
        await queries.insert_schedule(dict.fromkeys(wanted, NOW))

        answers = await asyncio.gather(*(queries.fetch_schedule(wanted) for _ in range(16)))

    ticks = Counter(schedule.entrypoint for answer in answers for schedule in answer)
    assert ticks == {entrypoint.entrypoint: 1 for entrypoint in wanted}


async def test_a_tick_that_someone_is_picking_is_not_waited_for(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await queries.insert_schedule({key("a"): NOW, key("b"): NOW})
    wanted = {key("a"): HOUR, key("b"): HOUR}

    async with asyncio.timeout(PATIENCE), db.transaction():
        await db.execute("SELECT FROM pgqueuer_schedules WHERE entrypoint = 'a' FOR UPDATE")
        picked = await queries.fetch_schedule(wanted)

    assert [schedule.entrypoint for schedule in picked] == ["b"]


async def test_a_run_that_lasts_into_the_next_tick_delays_it(
    queries: Queries, db: asyncpg.Connection
) -> None:
    wanted = {key("a"): HOUR}
    await queries.insert_schedule({key("a"): NOW})
    (picked,) = await queries.fetch_schedule(wanted)
    await make_due(db)

    while_running = await queries.fetch_schedule(wanted)
    await queries.set_schedule_queued({picked.id})
    afterwards = await queries.fetch_schedule(wanted)

    assert while_running == []
    assert [schedule.id for schedule in afterwards] == [picked.id]


async def test_a_dead_workers_schedule_runs_at_its_next_tick_and_not_before(
    queries: Queries, db: asyncpg.Connection
) -> None:
    wanted = {key("a"): HOUR}
    await queries.insert_schedule({key("a"): NOW})
    (picked,) = await queries.fetch_schedule(wanted)
    now = await silence(db, 31)

    before_the_tick = await queries.fetch_schedule({key("a"): 2 * HOUR})
    await make_due(db)
    (again,) = await queries.fetch_schedule(wanted)

    assert before_the_tick == []
    assert again.id == picked.id
    assert again.heartbeat >= now
    assert await queries.fetch_schedule(wanted) == []


async def test_heartbeats_keep_a_run_and_stale_after_says_for_how_long(
    queries: Queries, db: asyncpg.Connection
) -> None:
    wanted = {key("a"): HOUR}
    await queries.insert_schedule({key("a"): NOW})
    (picked,) = await queries.fetch_schedule(wanted)
    await make_due(db)

    await silence(db, 60)
    await queries.update_schedule_heartbeat({picked.id})
    kept = await queries.fetch_schedule(wanted)
    await silence(db, 20)
    default = await queries.fetch_schedule(wanted)
    shorter = await queries.fetch_schedule(wanted, stale_after=timedelta(seconds=10))

    assert (kept, default) == ([], [])
    assert [schedule.id for schedule in shorter] == [picked.id]


async def test_a_delay_that_leads_back_to_the_due_tick_picks_nothing(queries: Queries) -> None:
    await queries.insert_schedule({key("a"): NOW})

    too_early = await queries.fetch_schedule({key("a"): timedelta(milliseconds=20)})
    (picked,) = await queries.fetch_schedule({key("a"): timedelta(seconds=1)})

    assert too_early == []
    assert picked.next_run - picked.heartbeat == timedelta(seconds=1)


async def test_a_finished_run_is_queued_with_its_time(queries: Queries) -> None:
    await queries.insert_schedule({key("a"): NOW, key("b"): NOW})
    first, _ = await queries.fetch_schedule({key("a"): HOUR, key("b"): HOUR})

    await queries.set_schedule_queued({first.id})

    finished, running = await queries.peek_schedule()
    assert (finished.id, finished.status) == (first.id, "queued")
    assert finished.last_run is not None
    assert finished.last_run == finished.updated >= first.heartbeat
    assert finished.next_run == first.next_run
    assert (running.status, running.last_run) == ("picked", None)


async def test_peek_orders_by_last_run_with_those_that_never_ran_last(queries: Queries) -> None:
    names = ["never", "second", "first"]
    await queries.insert_schedule({key(name): HOUR for name in names})
    ids = {row.entrypoint: row.id for row in await queries.peek_schedule()}
    for name in ("first", "second"):
        await queries.set_schedule_queued({ids[CronEntrypoint(name)]})

    rows = await queries.peek_schedule()

    assert [row.entrypoint for row in rows] == ["first", "second", "never"]


async def test_schedules_are_deleted_by_id_or_entrypoint_or_all(queries: Queries) -> None:
    await queries.insert_schedule({key(name): HOUR for name in ("a", "b", "c", "d")})
    await queries.insert_schedule({key("b", "1 * * * *"): HOUR})
    ids = {row.entrypoint: row.id for row in await queries.peek_schedule()}

    await queries.delete_schedule({ids[CronEntrypoint("a")]}, {CronEntrypoint("b")})
    left = [row.entrypoint for row in await queries.peek_schedule()]
    await queries.delete_schedule({ids[CronEntrypoint("c")], ScheduleId(10**12)}, set())
    last = [row.entrypoint for row in await queries.peek_schedule()]
    await queries.clear_schedule()

    assert left == ["c", "d"]
    assert last == ["d"]
    assert await queries.peek_schedule() == []


async def test_without_schedules_nothing_is_sent() -> None:
    unconnected = Queries(InMemoryDriver())

    assert await unconnected.fetch_schedule({}) == []
    await unconnected.insert_schedule({})
    await unconnected.set_schedule_queued(set())
    await unconnected.update_schedule_heartbeat(set())
    await unconnected.delete_schedule(set(), set())
