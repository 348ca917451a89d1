"""Counts of jobs and transitions, and the log that they come from."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.domain.settings import DBSettings
from pgqueuer.models import LogStatistics, TracebackRecord
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from tests.support.open_queries import open_queries

MINUTE = timedelta(minutes=1)
JIT_ABOVE_COST = 100_000
PATIENCE = 20
"""Seconds after which a query counts as waiting for a lock."""


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn, request.param) as opened:
        yield opened


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def log(
    db: asyncpg.Connection, *statuses: str, job_id: int = 1, entrypoint: str = "mail"
) -> None:
    """Log transitions of a job, all in one transaction and so at one time."""
    await db.execute(
        """
        INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint)
        SELECT $1, status::pgqueuer_status, 0, $3
        FROM unnest($2::text[]) WITH ORDINALITY AS given (status, place) ORDER BY place
        """,
        job_id,
        list(statuses),
        entrypoint,
    )


async def log_many(db: asyncpg.Connection, count: int) -> None:
    """Log transitions of three entrypoints that are spread over ten minutes."""
    await db.execute(
        """
        INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, created)
        SELECT n, 'queued', n % 2, 'ep' || n % 3, now() - n % 600 * interval '1 second'
        FROM generate_series(1, $1::int) AS n
        """,
        count,
    )


def total(statistics: list[LogStatistics]) -> int:
    return sum(row.count for row in statistics)


async def stored(db: asyncpg.Connection) -> int:
    return int(await db.fetchval("SELECT coalesce(sum(count), 0) FROM pgqueuer_statistics"))


async def test_queue_size_counts_by_entrypoint_priority_and_status(queries: Queries) -> None:
    await queries.enqueue(["a", "a", "a", "b"], [None] * 4, [0, 0, 1, 0])
    await queries.dequeue(1, {"b": EntrypointExecutionParameter(0)}, uuid4(), None, MINUTE)

    sizes = [
        (row.entrypoint, row.priority, row.status, row.count) for row in await queries.queue_size()
    ]

    assert sizes == [("a", 0, "queued", 2), ("a", 1, "queued", 1), ("b", 0, "picked", 1)]


async def test_queue_log_has_every_transition_in_order_with_its_traceback(
    queries: Queries,
) -> None:
    await queries.enqueue("mail", None)
    (job,) = await queries.dequeue(
        1, {"mail": EntrypointExecutionParameter(0)}, uuid4(), None, MINUTE
    )
    record = TracebackRecord.from_exception(ValueError("no"), job.id, {"why": ["a", 1]})
    await queries.log_jobs([(job, "exception", record)])

    rows = await queries.queue_log()

    assert [row.status for row in rows] == ["queued", "picked", "exception"]
    assert [row.traceback for row in rows] == [None, None, record]
    assert {row.job_id for row in rows} == {job.id}
    assert [row.aggregated for row in rows] == [False, True, False]


async def test_job_status_is_the_newest_of_each_known_job(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log(db, "queued", "picked", "successful", job_id=1)
    await log(db, "queued", job_id=2)
    await log(db, "queued", "picked", job_id=3)

    rows = await queries.job_status([1, 2, 99])

    assert sorted((row.job_id, row.status) for row in rows) == [(1, "successful"), (2, "queued")]
    assert await queries.job_status([]) == []


async def test_job_status_follows_the_order_of_writing_not_the_start_of_transactions(
    queries: Queries, db: asyncpg.Connection, queue_dsn: str
) -> None:
    other = await asyncpg.connect(queue_dsn)
    async with db.transaction():
        await db.execute("SELECT now()")
        await log(other, "queued", "picked")
        await log(db, "canceled")
    await other.close()

    (row,) = await queries.job_status([1])

    assert row.status == "canceled"


async def test_folding_again_counts_nothing_again(queries: Queries, db: asyncpg.Connection) -> None:
    await log(db, "queued", "picked", "picked")

    await queries.aggregate_logs()
    await queries.aggregate_logs()
    rows = await queries.log_statistics(None)

    assert Counter({row.status: row.count for row in rows}) == {"queued": 1, "picked": 2}
    assert await queries.unaggregated_log_count() == 0
    assert all(row.aggregated for row in await queries.queue_log())


async def test_a_long_log_is_folded_to_its_end(queries: Queries, db: asyncpg.Connection) -> None:
    await log_many(db, 20_001)

    await queries.aggregate_logs()

    assert await queries.unaggregated_log_count() == 0
    assert await stored(db) == 20_001


async def test_later_transitions_of_a_second_are_added_to_its_row(
    queries: Queries, db: asyncpg.Connection
) -> None:
    moment = datetime(2024, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    for offset in (0, 600):
        await log(db, "queued")
        await db.execute(
            "UPDATE pgqueuer_log SET created = $1 WHERE NOT aggregated",
            moment + timedelta(milliseconds=offset),
        )
        await db.execute("SET TimeZone = 'Asia/Kathmandu'")
        await queries.aggregate_logs()

    (row,) = await queries.log_statistics(None)

    assert (row.count, row.created) == (2, moment.replace(microsecond=0))


async def test_each_transition_counts_once_however_many_fold_and_read_at_once(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    await log_many(db, 25_000)

    async with AsyncExitStack() as stack:
        several = [
            await stack.enter_async_context(open_queries(queue_dsn, driver))
            for driver in ("asyncpg", "psycopg") * 3
        ]
        readings = await asyncio.gather(*(each.log_statistics(None) for each in several[:4]))
        await log_many(db, 15_000)
        await asyncio.gather(
            *(each.aggregate_logs() for each in several),
            *(each.throughput_summary() for each in several),
            log_many(db, 5_000),
        )
        await several[0].aggregate_logs()

    assert [total(reading) for reading in readings] == [25_000] * 4
    assert await stored(db) == 45_000
    assert await db.fetchval("SELECT count(*) FROM pgqueuer_log WHERE aggregated") == 45_000


async def test_a_reader_counts_what_another_is_folding_and_does_not_wait_for_it(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log(db, "queued", "picked")
    fold = Statements(DBSettings())["statistics_fold"]

    async with asyncio.timeout(PATIENCE), db.transaction():
        assert await db.fetchval(fold, False) == 2
        assert total(await queries.log_statistics(None)) == 2
        assert sum(row.total_count for row in await queries.throughput_summary()) == 2
        assert sum(row.count for row in await queries.throughput_timeseries(MINUTE)) == 2

    assert total(await queries.log_statistics(None)) == await stored(db) == 2


async def test_aggregate_logs_leaves_the_work_to_whoever_is_at_it(
    queries: Queries, db: asyncpg.Connection, queue_dsn: str
) -> None:
    other = await asyncpg.connect(queue_dsn)
    async with asyncio.timeout(PATIENCE), other.transaction():
        assert await other.fetchval(Statements(DBSettings())["statistics_fold"], True) == 0
        await log(db, "queued")
        await queries.aggregate_logs()
        assert await queries.unaggregated_log_count() == 1
    await other.close()

    await queries.aggregate_logs()

    assert await queries.unaggregated_log_count() == 0


async def test_log_statistics_come_newest_first_within_window_and_limit(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log_many(db, 600)

    newest = await queries.log_statistics(3)
    recent = await queries.log_statistics(None, MINUTE)

    everything = await queries.log_statistics(None)
    assert newest == everything[:3]
    assert [row.created for row in everything] == sorted(
        (row.created for row in everything), reverse=True
    )
    assert 50 <= total(recent) <= 61
    assert total(everything) == 600


async def test_statistics_are_forgotten_by_entrypoint_or_all(
    queries: Queries, db: asyncpg.Connection
) -> None:
    for entrypoint in ("a", "b", "c", "d"):
        await log(db, "queued", entrypoint=entrypoint)
    await queries.aggregate_logs()

    await queries.clear_statistics_log("a")
    await queries.clear_statistics_log(["b", "x"])
    left = [row.entrypoint for row in await queries.log_statistics(None)]
    await queries.clear_statistics_log()

    assert left == ["c", "d"]
    assert await queries.log_statistics(None) == []


async def test_transitions_are_forgotten_by_entrypoint_or_all(
    queries: Queries, db: asyncpg.Connection
) -> None:
    for entrypoint in ("a", "b", "c", "d"):
        await log(db, "queued", entrypoint=entrypoint)

    await queries.clear_queue_log("a")
    await queries.clear_queue_log(["b", "x"])
    left = [row.entrypoint for row in await queries.queue_log()]
    await queries.clear_queue_log()

    assert left == ["c", "d"]
    assert await queries.queue_log() == []


@pytest.mark.parametrize("rows", [10, 1_000_000])
async def test_queries_that_workers_repeat_stay_cheap(db: asyncpg.Connection, rows: int) -> None:
    await log_many(db, rows)
    await db.execute("ANALYZE pgqueuer_log")
    statements = Statements(DBSettings())
    calls: dict[str, tuple[object, ...]] = {
        "statistics_fold": (True,),
        "log_job_status": (list(range(1, 1001)),),
        "insight_job_history": (1, 100),
    }

    costs = {}
    for name, args in calls.items():
        answer = await db.fetchval(f"EXPLAIN (FORMAT json) {statements[name]}", *args)
        costs[name] = json.loads(answer)[0]["Plan"]["Total Cost"]

    assert {name: cost for name, cost in costs.items() if cost >= JIT_ABOVE_COST / 2} == {}
