"""A drain: workers empty a queue that was filled before. Several scenarios are one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from benchmarks.children import Child, child
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.link import Tally, WorkerOptions
from benchmarks.measuring import Bench, Case, Figure, Outcome
from benchmarks.place import Place, new_place
from pgqueuer.adapters.persistence.sqltext import quote_identifier

LOOK_SECONDS = 0.002
LIMIT_SECONDS = 120.0

RATE = Figure(name="rate", title="jobs/s", better="more")
CPU = Figure(name="cpu", title="CPU, µs a job")
WAL = Figure(name="wal", title="WAL, bytes a job")
STOP = Figure(name="stop", title="stop, ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Rows before the jobs; those without a delay and of the entrypoint `noop` are jobs too."""

    rows: int
    entrypoint: str
    delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What is drained, and by whom; `storage` is for the table of the library's queue.

    The clock stops when all jobs are settled. With a backlog it stops when as many ran, because
    counting the rows of a deep queue takes long.
    """

    jobs: int
    workers: int = 1
    driver: str = "asyncpg"
    arguments: Sequence[str] = ()
    limit: int = 0
    extra: str = ""
    storage: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    backlog: Backlog | None = None


def drain_case(name: str, work: Drain) -> Case:
    """The same drain by each contestant."""
    return Case(
        name=name,
        runs={one.name: partial(drain, contestant=one, work=work) for one in CONTESTANTS},
    )


async def drain(bench: Bench, contestant: Contestant, work: Drain) -> Outcome:
    """Jobs a second, and what each took."""
    async with new_place(bench.dsn) as place, AsyncExitStack() as stack:
        await _fill(place, contestant, work)
        tally = Tally.create(bench.folder / "tally", work.jobs)
        team = [
            await stack.enter_async_context(worker(bench, place, contestant, work, slot))
            for slot in range(work.workers)
        ]
        wal, start = await place.wal(), time.perf_counter()
        before = await asyncio.gather(*(one.ask("go") for one in team))
        await until(lambda: tally.handled >= work.jobs, team)
        if work.backlog is None:
            await _settled(place, contestant)
        seconds, handled = time.perf_counter() - start, tally.handled
        after = await asyncio.gather(*(one.ask("tell") for one in team))
        figures = {"rate": handled / seconds, "cpu": 1e6 * _cpu(before, after) / handled}
        if wal is not None and (end := await place.wal()) is not None:
            figures["wal"] = (end - wal) / handled
        stops = await asyncio.gather(*(one.stop() for one in team))
        figures["stop"] = 1000 * max(stops)
        return Outcome(figures=figures, problem="" if work.backlog else tally.problem())


@asynccontextmanager
async def worker(
    bench: Bench,
    place: Place,
    contestant: Contestant,
    work: Drain,
    slot: int = 0,
    payloads: Literal["numbers", "times"] = "numbers",
) -> AsyncIterator[Child]:
    """A worker that counts in the tally of the run, once it is ready to begin."""
    options = WorkerOptions(
        tally=str(bench.folder / "tally"),
        slot=slot,
        payloads=payloads,
        limit=work.limit,
        driver=work.driver,
        extra=work.extra,
    )
    environment = {**place.environment(), **options.environment(), **work.environment}
    log = bench.folder / f"worker-{slot}.log"
    async with child(contestant.worker(work.arguments), environment, log) as started:
        yield started


async def until(reached: Callable[[], bool], team: Sequence[Child]) -> None:
    """Wait for it; raises ChildError when a worker ends before, TimeoutError after long."""
    deadline = time.perf_counter() + LIMIT_SECONDS
    while not reached():
        for one in team:
            one.check()
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not done after {LIMIT_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


async def _fill(place: Place, contestant: Contestant, work: Drain) -> None:
    await contestant.install(place)
    if work.storage:
        queue = quote_identifier(place.queries.settings.qualified.queue_table)
        await place.connection.execute(f"ALTER TABLE {queue} SET ({work.storage})")
    if work.backlog is not None:
        rows, kind = work.backlog.rows, work.backlog
        # Behind the numbers of the jobs, so that the tally knows them apart.
        await contestant.backlog(place, rows, kind.entrypoint, kind.delay, work.jobs)
    await contestant.fill(place, work.jobs)
    await contestant.tidy(place)


async def _settled(place: Place, contestant: Contestant) -> None:
    deadline = time.perf_counter() + LIMIT_SECONDS
    while left := await contestant.waiting(place):
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{left} jobs are not settled after {LIMIT_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


def _cpu(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> float:
    spent: list[float] = [
        end["cpu"] - start["cpu"] for start, end in zip(before, after, strict=True)
    ]
    return sum(spent)
