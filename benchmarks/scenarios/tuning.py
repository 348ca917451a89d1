"""What a setting changes: a drain with each of them, beside one without."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.contestants import Library
from benchmarks.link import ALONE
from benchmarks.measuring import Bench, Case, Run, Scenario
from benchmarks.running import CPU, RATE, WAL, Drain, drain

BASE = "defaults"


def _cases(bench: Bench) -> Sequence[Case]:
    jobs = bench.size.jobs
    settings = {
        BASE: Drain(jobs=jobs),
        "batch_size=10": Drain(jobs=jobs, arguments=("--batch-size", "10")),
        "batch_size=100": Drain(jobs=jobs, arguments=("--batch-size", "100")),
        "batch_size=1000": Drain(
            jobs=jobs, arguments=("--batch-size", "1000", "--max-concurrent-tasks", "0")
        ),
        "one connection": Drain(jobs=jobs, driver=ALONE),
        "psycopg": Drain(jobs=jobs, driver="psycopg"),
        "asyncio's loop": Drain(
            jobs=jobs, environment={"PYTHONPATH": str(_without_uvloop(bench.folder))}
        ),
        "log_claims=0": Drain(jobs=jobs, environment={"PGQUEUER_LOG_CLAIMS": "0"}),
        "late commits": Drain(jobs=jobs, environment={"PGOPTIONS": "-csynchronous_commit=off"}),
        "fillfactor=70": Drain(jobs=jobs, storage="fillfactor = 70"),
        "fillfactor=100": Drain(jobs=jobs, storage="fillfactor = 100"),
        "two processes": Drain(jobs=jobs, workers=2),
    }
    runs: dict[str, Run] = {
        name: partial(drain, contestant=Library(), work=work) for name, work in settings.items()
    }
    return [Case(name="drain", runs=runs, base=BASE)]


def _without_uvloop(folder: Path) -> Path:
    """A folder that hides uvloop from the processes that have it on their path."""
    hiding = folder / "without-uvloop"
    hiding.mkdir(exist_ok=True)
    (hiding / "uvloop.py").write_text("raise ImportError")
    return hiding


TUNING = Scenario(
    name="tuning",
    about="A drain with one setting changed; ratios are to the defaults.",
    figures=(RATE, CPU, WAL),
    cases=_cases,
)
