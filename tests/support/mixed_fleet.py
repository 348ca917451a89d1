"""Fleets of workers of 1.6 and ours: the same handlers on both sides, and what to look at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from pgqueuer import Job, Queries, QueueManager, RetryRequested
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from tests.support.kernel import working
from tests.support.worker_1_6 import Outcome, Worker16, enqueue_1_6, worker_1_6

FREE, NARROW, SINGLE, HELD = "free", "narrow", "single", "held"
LIMITS = {FREE: 0, NARROW: 3, SINGLE: 1, HELD: 0}
OUTCOMES = {b"ok": "successful", b"bad": "exception", b"again": "retry"}


@asynccontextmanager
async def our_worker(dsn: str, ran: Counter[int]) -> AsyncIterator[QueueManager]:
    """One of ours, with a handler that does what that of `old_worker` does."""
    async with asyncpg.create_pool(dsn, min_size=2, max_size=3) as pool:
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))

        async def handler(job: Job) -> None:
            ran[job.id] += 1
            await asyncio.sleep(0.002)
            match job.payload:
                case b"bad":
                    raise ValueError("bad")
                case b"again" if job.attempts == 0:
                    raise RetryRequested

        for name, limit in LIMITS.items():
            on_failure = "hold" if name == HELD else "delete"
            manager.entrypoint(name, concurrency_limit=limit, on_failure=on_failure)(handler)
        async with working(manager):
            yield manager


@asynccontextmanager
async def old_worker(
    dsn: str, ran: Counter[int], limits: dict[str, int] = LIMITS, **options: object
) -> AsyncIterator[Worker16]:
    """One of 1.6; `ran` counts how often each job was started."""

    async def handler(job: asyncpg.Record) -> Outcome:
        ran[job["id"]] += 1
        await asyncio.sleep(0.002)
        outcome = OUTCOMES.get(job["payload"], "successful")
        if outcome == "retry":
            return "retry" if job["attempts"] == 0 else "successful"
        return "failed" if outcome == "exception" and job["entrypoint"] == HELD else outcome

    async with worker_1_6(dsn, limits, handler, **options) as worker:
        yield worker


async def enqueue_some(db: asyncpg.Connection, rounds: int) -> list[int]:
    """Jobs of every kind, by either side's statements."""
    names = [name for name in LIMITS for _ in OUTCOMES] * rounds
    payloads = list(OUTCOMES) * len(LIMITS) * rounds
    ids = await enqueue_1_6(db, names, payloads)
    return [*ids, *await Queries(AsyncpgDriver(db)).enqueue(names, payloads, [0] * len(names))]


async def only_held_left(db: asyncpg.Connection) -> bool:
    return await db.fetchval("SELECT count(*) FROM pgqueuer WHERE status <> 'failed'") == 0


async def ends(db: asyncpg.Connection) -> Counter[int]:
    """How often each job ended, or was held."""
    rows = await db.fetch(
        "SELECT job_id FROM pgqueuer_log"
        " WHERE status IN ('successful', 'exception', 'canceled', 'deleted', 'failed')"
    )
    return Counter(row["job_id"] for row in rows)


@asynccontextmanager
async def watched_limits(dsn: str) -> AsyncIterator[dict[str, int]]:
    """The most jobs of each entrypoint that were picked at any one look."""
    most: dict[str, int] = {}
    observer = await asyncpg.connect(dsn)

    async def watch() -> None:
        while True:
            for row in await observer.fetch(
                "SELECT entrypoint, count(*) FROM pgqueuer WHERE status = 'picked' GROUP BY 1"
            ):
                most[row["entrypoint"]] = max(most.get(row["entrypoint"], 0), row["count"])
            await asyncio.sleep(0.001)

    task = asyncio.create_task(watch())
    try:
        yield most
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await observer.close()


async def put_back(db: asyncpg.Connection) -> Counter[int]:
    """The jobs that asked to be tried again."""
    rows = await db.fetch(
        "SELECT job_id FROM pgqueuer_log WHERE status = 'queued' AND traceback IS NOT NULL"
    )
    return Counter(row["job_id"] for row in rows)
