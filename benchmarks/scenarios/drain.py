"""How fast workers empty a queue, and what that takes."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring import Bench, Case, Scenario
from benchmarks.running import CPU, RATE, STOP, WAL, Drain, drain_case

TUNED = ("--batch-size", "1000", "--max-concurrent-tasks", "0")


def _cases(bench: Bench) -> Sequence[Case]:
    jobs = bench.size.jobs
    return [
        drain_case("default", Drain(jobs=jobs)),
        drain_case("tuned", Drain(jobs=jobs, arguments=TUNED)),
        drain_case("psycopg", Drain(jobs=jobs, driver="psycopg")),
        drain_case("two workers", Drain(jobs=jobs, workers=2)),
    ]


DRAIN = Scenario(
    name="drain",
    about="Workers run jobs that wait already, until all are settled; then they are stopped.",
    figures=(RATE, CPU, WAL, STOP),
    cases=_cases,
)
