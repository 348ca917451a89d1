"""Deleting old history from a database: what goes, in which batches, and next to whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.retention import PruneRequest
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries
from tests.support.open_queries import open_queries

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
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


async def log(db: asyncpg.Connection, job_id: int, status: str, days: float) -> None:
    """A transition of so many days ago."""
    await db.execute(
        "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " VALUES (now() - $3 * interval '1 day', $1, $2::text::pgqueuer_status, 0, 'mail')",
        job_id,
        status,
        days,
    )


async def log_many(db: asyncpg.Connection, count: int, days: float) -> None:
    """The same for so many jobs that are gone."""
    await db.execute(
        "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " SELECT now() - $2 * interval '1 day', 1000 + n, 'successful', 0, 'mail'"
        " FROM generate_series(1, $1::int) AS n",
        count,
        days,
    )


async def held(db: asyncpg.Connection) -> int:
    """A job in the queue, without any history."""
    return int(
        await db.fetchval(
            "INSERT INTO pgqueuer (priority, status, entrypoint)"
            " VALUES (0, 'failed', 'mail') RETURNING id"
        )
    )


async def left(db: asyncpg.Connection) -> list[tuple[int, str]]:
    rows = await db.fetch("SELECT job_id, status::text FROM pgqueuer_log ORDER BY id")
    return [(row["job_id"], row["status"]) for row in rows]


async def stored(db: asyncpg.Connection) -> int:
    return int(await db.fetchval("SELECT coalesce(sum(count), 0) FROM pgqueuer_statistics"))


async def test_the_history_of_a_job_that_ended_goes_as_a_whole(
    queries: Queries, db: asyncpg.Connection
) -> None:
    for status, days in (("queued", 50), ("picked", 40), ("successful", 31)):
        await log(db, 1, status, days)
    for status, days in (("queued", 50), ("picked", 40), ("successful", 29)):
        await log(db, 2, status, days)

    assert await queries.prune_log() == 3

    assert await left(db) == [(2, "queued"), (2, "picked"), (2, "successful")]


async def test_the_status_of_a_job_that_is_there_outlives_any_age(
    queries: Queries, db: asyncpg.Connection
) -> None:
    job = await held(db)
    await log(db, job, "picked", 400)
    await log(db, job, "queued", 390)
    # Written last by a transaction that had begun first.
    await log(db, job, "failed", 395)

    assert await queries.prune_log() == 1

    assert await left(db) == [(job, "queued"), (job, "failed")]
    (row,) = await queries.job_status([job])
    assert row.status == "failed"


async def test_statistics_go_after_a_year(queries: Queries, db: asyncpg.Connection) -> None:
    for days in (400, 300):
        await log(db, days, "successful", days)
    await queries.aggregate_logs()

    assert await queries.prune_statistics(dry_run=True) == 1
    assert await queries.prune_statistics() == 1

    assert await stored(db) == 1


async def test_nothing_goes_where_the_settings_keep_everything(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    await log(db, 1, "successful", 5000)
    settings = DBSettings(log_retention=None, statistics_retention=None)
    async with open_queries(queue_dsn, settings=settings) as queries:
        assert await queries.prune_log() == 0
        await queries.aggregate_logs()
        assert await queries.prune_statistics() == 0
        assert await stored(db) == 1
        assert await queries.prune_log(MONTH) == 1


async def test_a_long_log_goes_batch_by_batch_and_is_counted(
    queries: Queries, db: asyncpg.Connection
) -> None:
    job = await held(db)
    await log(db, job, "failed", 60)
    await log_many(db, 95, 60)
    for young in range(2001, 2006):
        await log(db, young, "queued", 1)
    totals: list[int] = []

    assert await queries.prune_log(batch_size=10, on_progress=totals.append) == 95

    assert totals == [9, *range(19, 95, 10), 95, 95]
    assert len(await left(db)) == 6
    assert await stored(db) == 95


async def test_a_row_that_is_being_folded_is_left_for_the_next_pass(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log_many(db, 10, 60)
    async with asyncio.timeout(PATIENCE):
        async with db.transaction():
            await db.execute("UPDATE pgqueuer_log SET aggregated = true WHERE job_id <= 1004")
            assert await queries.prune_log() == 6
        assert await queries.prune_log() == 4
    assert await stored(db) == 6


async def test_one_worker_prunes_at_a_time_and_the_others_do_not_wait(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log_many(db, 10, 60)
    request = PruneRequest(older_than=MONTH, batch_size=5, alone=True)
    other = Queries(AsyncpgDriver(db))
    async with asyncio.timeout(PATIENCE), db.transaction():
        first = await other.prune_log_step(request)
        second = await queries.prune_log_step(request)

    assert (first.deleted, first.resume is None) == (5, False)
    assert (second.deleted, second.resume) == (0, None)


@pytest.mark.parametrize("batch_size", [0, 5_001])
async def test_a_batch_out_of_range_is_refused(queries: Queries, batch_size: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 5000"):
        await queries.prune_log(MONTH, batch_size=batch_size)


@pytest.mark.parametrize("days", [1, 60])
async def test_a_batch_stays_cheap_whatever_the_length_of_the_log(
    db: asyncpg.Connection, days: int
) -> None:
    await log_many(db, 1_000_000, days)
    await db.execute(
        "INSERT INTO pgqueuer_statistics (created, count, priority, status, entrypoint)"
        " SELECT now() - n * interval '1 second', 1, 0, 'successful', 'mail'"
        " FROM generate_series(1, 200000) AS n"
    )
    await db.execute("ANALYZE")
    await db.execute("SET jit = on")
    statements = Statements(DBSettings())

    for name in ("prune_log", "prune_statistics"):
        explain = f"EXPLAIN (ANALYZE, FORMAT json) {statements[name]}"
        async with db.transaction():
            plan = json.loads(await db.fetchval(explain, MONTH, 5_000, 0, True, False))[0]
        assert plan["Plan"]["Total Cost"] < JIT_ABOVE_COST
        assert "JIT" not in plan
        assert max(examined(plan["Plan"])) <= 5_000


def examined(plan: dict[str, object]) -> list[float]:
    """The rows that each node of a plan found or threw away in one go."""
    rows = [float(str(plan[key])) for key in plan if key in COUNTS]
    children = plan.get("Plans", [])
    assert isinstance(children, list)
    return [*rows, *(count for child in children for count in examined(child))]


COUNTS = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
