"""How fast a queue with a concurrency limit is emptied."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring import Bench, Case, Scenario
from benchmarks.running import CPU, RATE, WAL, Drain, drain_case

JOBS_PER_LIMITED_JOB = {1: 60, 10: 20}


def _cases(bench: Bench) -> Sequence[Case]:
    return [
        drain_case(
            f"concurrency_limit={limit}", Drain(jobs=max(bench.size.jobs // share, 20), limit=limit)
        )
        for limit, share in JOBS_PER_LIMITED_JOB.items()
    ]


LIMITS = Scenario(
    name="limits",
    about="A drain of fewer jobs, of which so many may run at once in the whole fleet.",
    figures=(RATE, CPU, WAL),
    cases=_cases,
)
