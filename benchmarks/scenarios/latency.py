"""How long a job waits until it starts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring import Bench, Case, Figure, Scenario
from benchmarks.pacing import Pace, paced

RATES = (100, 800)
P50 = Figure(name="p50", title="p50 ms")
P95 = Figure(name="p95", title="p95 ms")
P99 = Figure(name="p99", title="p99 ms")
CALL = Figure(name="call", title="p99 of the enqueue, ms")


def _cases(bench: Bench) -> Sequence[Case]:
    size = bench.size
    return [
        paced_case(f"{rate}/s", Pace(rate=rate, seconds=size.paced, lead_in=size.lead_in))
        for rate in RATES
    ]


def paced_case(name: str, pace: Pace) -> Case:
    """The same pace for each contestant."""
    return Case(
        name=name, runs={one.name: partial(paced, contestant=one, pace=pace) for one in CONTESTANTS}
    )


LATENCY = Scenario(
    name="latency",
    about="From just before a job is enqueued until its handler runs in another process. Jobs are "
    "sent at their times, whether or not the ones before have started; the first second is left "
    "out.",
    figures=(P50, P95, P99, CALL),
    cases=_cases,
)
