"""The numbers of the queue, and what happened in the last hour."""

from __future__ import annotations

from collections import Counter
from typing import Final

from pgqueuer.adapters.terminal.rows import BAD, CAUTION, Row, View, fits
from pgqueuer.adapters.wording import count, span
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.types import JOB_STATUS

ALL: Final = "all"
EVENTS: Final[tuple[tuple[JOB_STATUS, str], ...]] = (
    ("queued", "Enqueued or put back"),
    ("picked", "Started"),
    ("successful", "Successful"),
    ("exception", "Ended by an exception"),
    ("failed", "Held"),
    ("canceled", "Canceled"),
)


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """The numbers of all jobs, then transitions of the last hour."""
    now = await insights.overview()
    numbers = {
        "Queued": count(now.queued_total),
        "Running": count(now.picked_total),
        "Held": count(now.failed_total),
        "Busy workers": count(now.active_workers),
        "Oldest queued job": span(now.oldest_queued_age_seconds),
    }
    rows = [
        Row(
            key=name, cells=(ALL, name, value), style=BAD if name == "Held" and value != "0" else ""
        )
        for name, value in numbers.items()
    ]
    paused = ", ".join(pause.entrypoint for pause in await insights.paused())
    if paused:
        rows.append(Row(key="Paused", cells=(ALL, "Paused entrypoints", paused), style=CAUTION))
    flows: Counter[JOB_STATUS] = Counter()
    for flow in await insights.throughput():
        if fits(flow.entrypoint, entrypoint):
            flows[flow.status] += flow.total_count
    return rows + [
        Row(key=status, cells=(entrypoint or ALL, f"{what} in the last hour", count(flows[status])))
        for status, what in EVENTS
    ]


VIEW = View(
    name="overview",
    title="Overview",
    columns=("Entrypoint", "What", "Number"),
    numbers=frozenset({"Number"}),
    empty="Nothing is known.",
    gather=gather,
)
