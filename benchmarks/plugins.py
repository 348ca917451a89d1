"""What plugins cost: a job, and the start of a program, each beside the same without plugins."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tabulate import tabulate

from benchmarks.place import fill, installed
from pgqueuer import Job, PgQueuer
from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.plugins.registry import installed_plugins
from pgqueuer.ports.observer import WorkerEvent
from pgqueuer.ports.tracing import set_tracing_class
from pgqueuer.types import QueueExecutionMode

IDLE = 10
STARTS_PER_ROUND = 3
LOAD = "from pgqueuer.plugins import installed_plugins; installed_plugins()"
PLUGIN = """
from pgqueuer.plugins import TracerSpec, hookimpl

@hookimpl
def pgqueuer_register_tracers():
    yield TracerSpec(name="{name}", factory="nowhere:tracer")
"""
Prepare = Callable[[PgQueuer], None]


class TrivialTracing:
    """Does nothing, as a tracer does it."""

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        for _ in entrypoints:
            yield {}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        yield


class TrivialObserver:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def observe(self, event: WorkerEvent) -> None:
        self.told += 1


def report(dsn: str, jobs: int, rounds: int) -> str:
    """Two tables: microseconds a job, and milliseconds to load the plugins."""
    with tempfile.TemporaryDirectory() as folder:
        add_idle_plugins(Path(folder))
        variants: dict[str, Callable[[], tuple[float, float]]] = {
            "no plugin": lambda: cost(dsn, jobs, lambda _: None),
            "no plugin, again": lambda: cost(dsn, jobs, lambda _: None),
            "one tracer": lambda: with_tracer(dsn, jobs),
            "one observer": lambda: cost(dsn, jobs, observe),
            f"{IDLE} idle plugins": lambda: with_idle_plugins(dsn, jobs, folder),
        }
        costs = in_turns(variants, rounds)
        starts = in_turns(
            {
                "no discovery": lambda: start("import pgqueuer.plugins", ""),
                "bundled plugins": lambda: start(LOAD, ""),
                f"{IDLE} more": lambda: start(LOAD, folder),
            },
            rounds * STARTS_PER_ROUND,
        )
    return "\n\n".join(
        [
            table(costs, ["worker", "CPU µs a job", "ratio", "all µs a job", "ratio"], 1e6),
            table(starts, ["start", "CPU ms", "ratio", "all ms", "ratio"], 1e3),
        ]
    )


def in_turns(
    variants: dict[str, Callable[[], tuple[float, float]]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """The figures of each variant; each round begins with another one."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        first = number % len(names)
        for name in [*names[first:], *names[:first]]:
            found[name].append(variants[name]())
    return found


def table(figures: dict[str, list[tuple[float, float]]], headers: list[str], unit: float) -> str:
    """Medians, and the median of the ratios to the first variant in the same round."""
    [base, *_] = figures.values()
    rows = [[name, *columns(found, base, unit)] for name, found in figures.items()]
    return tabulate(rows, headers=headers, floatfmt=("", ".1f", ".2f", ".1f", ".2f"))


def columns(
    found: list[tuple[float, float]], base: list[tuple[float, float]], unit: float
) -> Iterator[float]:
    """Figure and ratio, for the CPU and for the clock."""
    for place in (0, 1):
        yield unit * statistics.median(one[place] for one in found)
        yield statistics.median(
            one[place] / other[place] for one, other in zip(found, base, strict=True)
        )


def cost(dsn: str, jobs: int, prepare: Prepare) -> tuple[float, float]:
    """Seconds a job of a worker with an empty handler: of its CPU, and by the clock."""
    return asyncio_run(_cost(dsn, jobs, prepare))


async def _cost(dsn: str, jobs: int, prepare: Prepare) -> tuple[float, float]:
    async with installed(dsn) as queries:
        await fill(queries, jobs)
        pgq = PgQueuer(queries.driver, queries=queries)

        @pgq.entrypoint("noop")
        async def noop(job: Job) -> None: ...

        prepare(pgq)
        cpu, clock = time.process_time(), time.perf_counter()
        await pgq.run(mode=QueueExecutionMode.drain)
        return (time.process_time() - cpu) / jobs, (time.perf_counter() - clock) / jobs


def observe(pgq: PgQueuer) -> None:
    """Add an observer to the worker."""
    pgq.qm.observers.append(TrivialObserver())


def with_tracer(dsn: str, jobs: int) -> tuple[float, float]:
    """The cost with a tracer of the process, set only while the jobs run."""
    try:
        return cost(dsn, jobs, lambda _: set_tracing_class(TrivialTracing()))
    finally:
        set_tracing_class(None)


def with_idle_plugins(dsn: str, jobs: int, folder: str) -> tuple[float, float]:
    """The cost beside plugins that are loaded and not used."""
    with loaded(folder):
        return cost(dsn, jobs, lambda _: None)


@contextmanager
def loaded(folder: str) -> Iterator[None]:
    """Load the plugins of the folder too."""
    sys.path.insert(0, folder)
    installed_plugins.cache_clear()
    installed_plugins()
    try:
        yield
    finally:
        sys.path.remove(folder)
        installed_plugins.cache_clear()


def start(code: str, folder: str) -> tuple[float, float]:
    """Seconds of a process that runs `code`: of its CPU, and by the clock."""
    before, clock = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": folder}, check=True
    )
    seconds, after = time.perf_counter() - clock, os.times()
    cpu = after.children_user + after.children_system
    return cpu - before.children_user - before.children_system, seconds


def add_idle_plugins(folder: Path) -> None:
    """Distributions as pip leaves them, each with a plugin that offers a tracer."""
    for number in range(IDLE):
        name = f"idle_{number}"
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name))
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[pgqueuer]\n{name} = {name}\n")
