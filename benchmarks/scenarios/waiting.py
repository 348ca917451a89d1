"""How long after a job ended its waiter knows, with one, a hundred and ten thousand waiters."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
import uuid
from collections.abc import Sequence
from functools import partial

import asyncpg

from benchmarks.measuring import LIBRARY, Bench, Case, Figure, Outcome, Scenario
from benchmarks.place import new_place
from benchmarks.scenarios.latency import P50, P99
from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.domain.models import JobEnds, JobStatusRow
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId

WAITERS = (1, 100, 10_000)
MEASURED = 200
QUICK_WAITERS = (1, 100)
QUICK_MEASURED = 5
PACE_SECONDS = 0.015
NOOP = QueueEntrypoint("noop")
OWNER = QueueManagerId(uuid.uuid4())


class Asked:
    """Queries that keep how long the watcher's looks took."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.qbe = queries.qbe
        self.seconds: list[float] = []

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        start = time.perf_counter()
        rows = await self._queries.job_status(ids)
        self.seconds.append(time.perf_counter() - start)
        return rows

    async def job_ends(self, after: int | None = None) -> JobEnds:
        start = time.perf_counter()
        ends = await self._queries.job_ends(after)
        self.seconds.append(time.perf_counter() - start)
        return ends


def _cases(bench: Bench) -> Sequence[Case]:
    most = QUICK_WAITERS if bench.size.quick else WAITERS
    return [
        Case(
            name="1 waiter" if waiters == 1 else f"{waiters:,} waiters",
            runs={LIBRARY: partial(_measure, waiters=waiters)},
            base=LIBRARY,
        )
        for waiters in most
    ]


async def _measure(bench: Bench, waiters: int) -> Outcome:
    """Of jobs that are settled one by one, as workers do it, while so many are waited for."""
    measured = QUICK_MEASURED if bench.size.quick else MEASURED
    async with new_place(bench.dsn) as place:
        await place.queries.install()
        connection = await asyncpg.connect(bench.dsn)
        driver = AsyncpgDriver(connection)
        asked = Asked(Queries(driver, qbe=place.queries.qbe))
        delays: list[float] = []
        seconds = 0.0
        try:
            async with CompletionWatcher(driver, queries=asked) as watcher:
                while len(delays) < measured:
                    seconds += await _round(place.queries, watcher, asked, delays, waiters)
        finally:
            await connection.close()
    p50, p99 = _quantiles(delays)
    return Outcome(
        figures={
            "p50": p50,
            "p99": p99,
            "looks": len(asked.seconds) / seconds,
            "busy": 100 * sum(asked.seconds) / seconds,
        }
    )


async def _round(
    queries: Queries, watcher: CompletionWatcher, asked: Asked, delays: list[float], waiters: int
) -> float:
    """Settle at most `MEASURED` of the jobs; return the seconds that this took."""
    kept = len(asked.seconds)
    ids = await _claimed(queries, waiters)
    waiting = [watcher.wait_for(job_id) for job_id in ids]
    await asyncio.sleep(random.uniform(0.1, 0.2) if waiters < 1000 else 1)
    del asked.seconds[kept:]
    begun = time.perf_counter()
    for waiter, job_id in list(zip(waiting, ids, strict=True))[:MEASURED]:
        await queries.settle([Settlement(job_id, OWNER, "successful")])
        settled = time.perf_counter()
        waiter.add_done_callback(partial(_note, delays, settled))
        await asyncio.sleep(random.uniform(0, 2 * PACE_SECONDS))
    await asyncio.gather(*waiting[:MEASURED])
    passed = time.perf_counter() - begun
    kept = len(asked.seconds)
    await queries.settle([Settlement(job_id, OWNER, "successful") for job_id in ids[MEASURED:]])
    await asyncio.gather(*waiting)
    del asked.seconds[kept:]
    return passed


def _note(delays: list[float], since: float, ended: asyncio.Future[object]) -> None:
    delays.append(time.perf_counter() - since)


async def _claimed(queries: Queries, count: int) -> list[JobId]:
    await queries.enqueue([NOOP] * count, [None] * count)
    request = ClaimRequest(owner=OWNER, batch_size=count, entrypoints={NOOP: EntrypointTerms()})
    return [job.id for job in await queries.claim(request)]


def _quantiles(delays: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return 1000 * cuts[49], 1000 * cuts[98]


WAITING = Scenario(
    name="waiting",
    about="From the moment that a job ended until the program that waits for it knows.",
    figures=(
        P50,
        P99,
        Figure(name="looks", title="looks a second"),
        Figure(name="busy", title="% of a connection"),
    ),
    cases=_cases,
)
