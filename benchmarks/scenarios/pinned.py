"""What an old transaction does to a busy queue."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring import Bench, Case, Figure, Scenario
from benchmarks.pacing import Pace
from benchmarks.running import WAL
from benchmarks.scenarios.latency import CALL, P50, P95, P99, paced_case

RATE = 800
STARTED = Figure(name="started", title="started/s at the end", better="more")


def _cases(bench: Bench) -> Sequence[Case]:
    seconds = bench.size.pinned
    # The dead rows of the first half are there by the second one.
    pace = Pace(rate=RATE, seconds=seconds, lead_in=seconds / 2, snapshot=True)
    return [paced_case(f"{RATE}/s for {seconds:g} s", pace)]


PINNED = Scenario(
    name="pinned",
    about="As latency, while another transaction holds a snapshot, so that dead rows stay; "
    "the second half counts.",
    figures=(P50, P95, P99, CALL, STARTED, WAL),
    cases=_cases,
)
