"""Measures the queue on an embedded PostgreSQL, or on the server that PGDSN names.

Run it with `make bench`, or `make bench ARGS="--jobs 50000 --scenario drain"`. Figures of different
machines, or of different runs on a busy one, do not compare; the ratios within one run do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from tabulate import tabulate

from benchmarks import drivers, plugins, waiting
from benchmarks.place import fill, installed
from pgqueuer import Job, PgQueuer
from pgqueuer.adapters import embedded
from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.queries import NewJob
from pgqueuer.types import QueueExecutionMode

ROOT = Path(__file__).resolve().parents[1]
BATCH = 1_000
WAITING = "waiting"
PLUGINS = "plugins"
DRIVERS = "drivers"
Scenario = Callable[[str, int], Coroutine[object, object, float]]


async def drain(dsn: str, jobs: int) -> float:
    """Jobs a second of one worker with an empty handler, until the last one is settled."""
    async with installed(dsn) as queries:
        await fill(queries, jobs)
        pgq = PgQueuer(queries.driver, queries=queries)

        @pgq.entrypoint("noop")
        async def noop(job: Job) -> None: ...

        start = time.perf_counter()
        await pgq.run(mode=QueueExecutionMode.drain)
        return jobs / (time.perf_counter() - start)


async def limited(dsn: str, jobs: int) -> float:
    """As drain, with `concurrency_limit=10`; a fiftieth of the jobs."""
    async with installed(dsn) as queries:
        count = max(jobs // 50, 1)
        await fill(queries, count)
        pgq = PgQueuer(queries.driver, queries=queries)

        @pgq.entrypoint("noop", concurrency_limit=10)
        async def noop(job: Job) -> None: ...

        start = time.perf_counter()
        await pgq.run(mode=QueueExecutionMode.drain)
        return count / (time.perf_counter() - start)


async def batches(dsn: str, jobs: int) -> float:
    """Jobs a second by `enqueue` with lists of a thousand."""
    async with installed(dsn) as queries:
        start = time.perf_counter()
        for first in range(0, jobs, BATCH):
            size = min(BATCH, jobs - first)
            await queries.enqueue(["noop"] * size, [b"x"] * size)
        return jobs / (time.perf_counter() - start)


async def stream(dsn: str, jobs: int) -> float:
    """Jobs a second by `enqueue_many`."""
    async with installed(dsn) as queries:
        start = time.perf_counter()
        await queries.enqueue_many(NewJob("noop", b"x") for _ in range(jobs))
        return jobs / (time.perf_counter() - start)


SCENARIOS: dict[str, Scenario] = {
    "drain": drain,
    "limited": limited,
    "batches": batches,
    "stream": stream,
}


def main() -> None:
    """Run the scenarios in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make bench")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    reports = (WAITING, PLUGINS, DRIVERS)
    parser.add_argument(
        "--scenario", action="append", choices=[*SCENARIOS, *reports], help="repeatable"
    )
    parser.add_argument(
        "--driver",
        action="append",
        help="for the scenario drivers; repeatable, the first is what the ratios are to;"
        f" else {' and '.join(drivers.BUNDLED)}",
    )
    options = parser.parse_args()
    dsn = os.environ.get("PGDSN", "")
    if not dsn:
        os.environ.setdefault("PGQUEUER_EMBEDDED_DIR", str(ROOT / ".cache" / "bench"))
        embedded.join_for_process()
    names = options.scenario or [*SCENARIOS, *reports]
    if WAITING in names:
        print(asyncio_run(waiting.report(dsn)), end="\n\n")
        names.remove(WAITING)
    if PLUGINS in names:
        print(plugins.report(dsn, options.jobs, options.rounds), end="\n\n")
        names.remove(PLUGINS)
    if DRIVERS in names:
        chosen = options.driver or drivers.BUNDLED
        print(drivers.report(dsn, options.jobs, options.rounds, chosen), end="\n\n")
        names.remove(DRIVERS)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names:
            print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
            figures[name].append(asyncio_run(SCENARIOS[name](dsn, options.jobs)))
    if not names:
        return
    rows = [
        [name, f"{statistics.median(found):,.0f}", f"{min(found):,.0f} to {max(found):,.0f}"]
        for name, found in figures.items()
    ]
    print(tabulate(rows, headers=["scenario", "jobs a second", "range"], colalign=("left",) * 3))


if __name__ == "__main__":
    main()
