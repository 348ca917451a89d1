"""Drivers beside each other: the same jobs are sent and run through one after another."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.place import fill, installed
from benchmarks.plugins import in_turns, table
from pgqueuer import Job, PgQueuer, Queries, connect
from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.types import QueueExecutionMode

BUNDLED = ("asyncpg", "psycopg")
BATCH = 1_000
Measure = Callable[[str, str, int], Coroutine[object, object, tuple[float, float]]]


def report(dsn: str, jobs: int, rounds: int, names: Sequence[str]) -> str:
    """Two tables: microseconds to run a job, and to send one."""
    return "\n\n".join(
        table(
            in_turns({name: partial(_run, what, dsn, jobs, name) for name in names}, rounds),
            [what.__name__, "CPU µs a job", "ratio", "all µs a job", "ratio"],
            1e6,
        )
        for what in (drain, batches)
    )


def _run(what: Measure, dsn: str, jobs: int, name: str) -> tuple[float, float]:
    return asyncio_run(what(dsn, name, jobs))


async def drain(dsn: str, name: str, jobs: int) -> tuple[float, float]:
    """Seconds a job of one worker with an empty handler: of its CPU, and by the clock."""
    async with _queue(dsn, name) as queries:
        await fill(queries, jobs)
        pgq = PgQueuer(queries.driver, queries=queries)

        @pgq.entrypoint("noop")
        async def noop(job: Job) -> None: ...

        cpu, clock = time.process_time(), time.perf_counter()
        await pgq.run(mode=QueueExecutionMode.drain)
        return (time.process_time() - cpu) / jobs, (time.perf_counter() - clock) / jobs


async def batches(dsn: str, name: str, jobs: int) -> tuple[float, float]:
    """Seconds a job of `enqueue` with lists of a thousand: of the CPU, and by the clock."""
    async with _queue(dsn, name) as queries:
        cpu, clock = time.process_time(), time.perf_counter()
        for first in range(0, jobs, BATCH):
            size = min(BATCH, jobs - first)
            await queries.enqueue(["noop"] * size, [b"x"] * size)
        return (time.process_time() - cpu) / jobs, (time.perf_counter() - clock) / jobs


@asynccontextmanager
async def _queue(dsn: str, name: str) -> AsyncGenerator[Queries]:
    """A queue of its own, over the named driver; the place is made over another connection."""
    async with installed(dsn) as place, connect(name) as driver:
        yield Queries(driver, qbe=place.qbe, qbq=place.qbq, qbs=place.qbs)
