"""What many other rows in the queue do to a drain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from benchmarks.measuring import Bench, Case, Scenario
from benchmarks.running import CPU, RATE, Backlog, Drain, drain_case


def _cases(bench: Bench) -> Sequence[Case]:
    jobs, rows = bench.size.jobs, bench.size.backlog
    kinds = {
        "others": Backlog(rows=rows, entrypoint="others"),
        "deferred": Backlog(rows=rows, entrypoint="noop", delay=timedelta(days=1)),
        "own": Backlog(rows=rows, entrypoint="noop"),
    }
    none = Backlog(rows=0, entrypoint="others")
    return [
        drain_case("nothing", Drain(jobs=jobs, backlog=none)),
        *(drain_case(name, Drain(jobs=jobs, backlog=kind)) for name, kind in kinds.items()),
    ]


BACKLOG = Scenario(
    name="backlog",
    about="A drain behind older rows: jobs that nobody here serves, jobs that are due tomorrow, "
    "or jobs of its own. The clock stops when as many jobs ran as there are without the backlog.",
    figures=(RATE, CPU),
    cases=_cases,
)
