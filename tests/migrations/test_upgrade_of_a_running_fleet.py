"""`pgq upgrade` on a database of 1.6 that is in use: nothing is lost, nothing runs twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from pgqueuer import Queries
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import CronExpressionEntrypoint
from tests.support.cli import Outcome, pgq
from tests.support.kernel import until
from tests.support.mixed_fleet import (
    FREE,
    ends,
    enqueue_some,
    old_worker,
    only_held_left,
    our_worker,
    put_back,
    watched_limits,
)
from tests.support.postgres import TestPostgres
from tests.support.schema import connected_manager, readable, snapshot
from tests.support.worker_1_6 import aggregate_1_6, enqueue_1_6

SCHEMA_1_6 = Path(__file__).parent / "fixtures" / "1_6.sql"
TICK = CronExpressionEntrypoint("tidy", "* * * * *")
NIGHT = CronExpressionEntrypoint("tidy", "0 0 * * *")
HOUR = timedelta(hours=1)


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A database of 1.6 with jobs, history and schedules in every state."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(SCHEMA_1_6.read_text(encoding="utf-8"))
    yield connection
    await connection.close(timeout=5)


async def upgrade(dsn: str, processes: int = 1) -> Sequence[Outcome]:
    """As many `pgq upgrade` at once, each a process of its own."""
    return await asyncio.gather(
        *(asyncio.to_thread(pgq, "upgrade", dsn=dsn) for _ in range(processes))
    )


async def fresh_catalog(pg: TestPostgres) -> str:
    with pg.database() as name:
        async with connected_manager(pg.dsn(name)) as (manager, connection):
            await manager.install()
            return readable(await snapshot(connection))


async def test_a_fleet_moves_over_without_a_pause(
    pg: TestPostgres, dsn: str, db: asyncpg.Connection
) -> None:
    """Old workers run on through the first upgrade, and both kinds through the next."""
    await db.execute("DELETE FROM pgqueuer; DELETE FROM pgqueuer_log")
    old, new = Counter[int](), Counter[int]()
    async with AsyncExitStack() as stack:
        most = await stack.enter_async_context(watched_limits(dsn))
        for budget in (None, 20):
            await stack.enter_async_context(old_worker(dsn, old, budget=budget))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            producer = group.create_task(produce(dsn, stop))
            await until(lambda: bool(old))
            before = await upgrade(dsn, 2)
            for _ in range(2):
                await stack.enter_async_context(our_worker(dsn, new))
            again = await upgrade(dsn, 2)
            await until(lambda: bool(new))
            stop.set()
        ids = producer.result()
        await until(lambda: only_held_left(db))

    assert [outcome.code for outcome in (*before, *again)] == [0] * 4
    assert any("Applied" in outcome.stderr for outcome in before)
    assert ["already up to date" in outcome.stderr for outcome in again] == [True] * 2
    assert await ends(db) == Counter(ids)
    assert old + new == Counter(ids) + await put_back(db)
    assert (most["narrow"] <= 3, most["single"]) == (True, 1)
    assert readable(await snapshot(db)) == await fresh_catalog(pg)


async def produce(dsn: str, stop: asyncio.Event) -> list[int]:
    """Enqueue by the statements of both sides until it is stopped."""
    ids: list[int] = []
    connection = await asyncpg.connect(dsn)
    try:
        while not stop.is_set():
            ids += await enqueue_some(connection, 1)
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
    return ids


async def test_what_1_6_left_behind_is_run_or_kept(dsn: str, db: asyncpg.Connection) -> None:
    await db.execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 hour' WHERE slot = 0")
    await db.execute("UPDATE pgqueuer SET entrypoint = $1 WHERE entrypoint = 'fetch'", FREE)
    (later,) = await enqueue_1_6(db, [FREE], [b"ok"])
    await db.execute(
        "UPDATE pgqueuer SET execute_after = now() + interval '1 hour' WHERE id = $1", later
    )
    rows = {row["id"]: dict(row) for row in await db.fetch("SELECT * FROM pgqueuer")}
    states = {(row["status"], row["slot"]): job_id for job_id, row in rows.items()}
    live, held = states["picked", 1], states["failed", 1]

    assert [outcome.code for outcome in await upgrade(dsn)] == [0]

    ran: Counter[int] = Counter()
    async with our_worker(dsn, ran):
        await until(lambda: done(db, {later, live, held}))
    assert set(ran) == set(rows) - {later, live, held}
    left = await db.fetch("SELECT * FROM pgqueuer")
    assert {row["id"]: {**dict(row)} for row in left} == {
        job_id: {**rows[job_id], "takeovers": 0} for job_id in (later, live, held)
    }


async def done(db: asyncpg.Connection, but: set[int]) -> bool:
    return {row["id"] for row in await db.fetch("SELECT id FROM pgqueuer")} == but


async def test_history_is_counted_once_and_pruned(dsn: str, db: asyncpg.Connection) -> None:
    logged = await db.fetchval("SELECT count(*) FROM pgqueuer_log WHERE NOT aggregated")
    counted = await db.fetchval("SELECT sum(count) FROM pgqueuer_statistics")
    await upgrade(dsn)

    queries = Queries(AsyncpgDriver(db))
    await aggregate_1_6(db)
    await queries.prune_log()

    assert sum(row.count for row in await queries.log_statistics(None)) == logged + counted
    assert await db.fetchval("SELECT count(*) FROM pgqueuer_log") == 0


async def test_schedules_keep_their_state(dsn: str, db: asyncpg.Connection) -> None:
    rows = "SELECT * FROM pgqueuer_schedules ORDER BY id"
    before = [dict(row) for row in await db.fetch(rows)]
    await upgrade(dsn)

    after = [dict(row) for row in await db.fetch(rows)]
    assert [{name: row[name] for name in before[0]} for row in after] == before
    queries = Queries(AsyncpgDriver(db))
    await queries.insert_schedule({TICK: timedelta(0), NIGHT: timedelta(0)})
    # The one that a worker of 1.6 picked is its own until the heartbeat is too old.
    (tick,) = await queries.fetch_schedule({TICK: HOUR, NIGHT: HOUR})
    assert tick.expression == TICK.expression
    await db.execute("UPDATE pgqueuer_schedules SET heartbeat = now() - interval '1 hour'")
    (night,) = await queries.fetch_schedule({NIGHT: HOUR})
    assert night.expression == NIGHT.expression


async def test_dedupe_keys_headers_and_attempts_survive(dsn: str, db: asyncpg.Connection) -> None:
    await upgrade(dsn)

    queries = Queries(AsyncpgDriver(db))
    assert await queries.enqueue("fetch", None, dedupe_key="key", on_conflict="skip") == [None]
    jobs = {(job.status, job.attempts): job.headers for job in await queries.browse_queue()}
    assert jobs[("queued", 0)] == {"otel": {}}
    assert {("picked", 2), ("picked", 0)} <= set(jobs)
    (held,) = await queries.list_failed_jobs()
    assert held.attempts == 5
    assert held.headers is None
