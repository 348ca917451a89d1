"""How long programs take to start."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.measuring import Bench, Case, Figure, Outcome, Scenario

BASE = "python"
PROGRAMS = {
    BASE: ("-c", "pass"),
    "import asyncpg": ("-c", "import asyncpg"),
    "import pgqueuer": ("-c", "import pgqueuer"),
    "a producer": ("-c", "import asyncpg; from pgqueuer import AsyncpgDriver, Queries"),
    "a worker": ("-c", "import asyncpg; from pgqueuer import PgQueuer, Queries, connect"),
    "pgq --help": ("-m", "pgqueuer", "--help"),
}
SECONDS = Figure(name="wall", title="ms")
CPU = Figure(name="cpu", title="CPU, ms")


def _cases(bench: Bench) -> Sequence[Case]:
    runs = {name: partial(_program, arguments=program) for name, program in PROGRAMS.items()}
    return [Case(name="start", runs=runs, base=BASE)]


async def _program(bench: Bench, arguments: Sequence[str]) -> Outcome:
    return Outcome(figures=await asyncio.to_thread(started, arguments, os.environ))


def started(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """What a Python process took from its start to its end, in milliseconds."""
    with open(os.devnull, "w") as nowhere:
        actions = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)]
        start = time.perf_counter()
        number = os.posix_spawn(
            sys.executable, [sys.executable, *arguments], environment, file_actions=actions
        )
        _, status, usage = os.wait4(number, 0)
        seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"python {' '.join(arguments)} failed")
    return {
        "wall": 1000 * seconds,
        "cpu": 1000 * (usage.ru_utime + usage.ru_stime),
    }


START = Scenario(
    name="import",
    about="A process from its start to its end, that imports what it names and does nothing.",
    figures=(SECONDS, CPU),
    cases=_cases,
)
