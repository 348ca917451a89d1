"""A line for each entrypoint, over the last hour."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import CAUTION, Row, View, fits, sparkline
from pgqueuer.adapters.wording import ago, count, percent, span
from pgqueuer.core.insights import InsightsService


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """What each has to do, and how it did."""
    return [
        Row(
            key=line.entrypoint,
            paused=line.paused is not None,
            style=CAUTION if line.paused else "",
            cells=(
                line.entrypoint,
                ago(line.paused.since) if line.paused else None,
                count(line.queued),
                count(line.picked),
                span(line.oldest_age_seconds),
                f"{line.completed / 60:.3g}",
                percent(line.failure_rate),
                span(line.p50_seconds),
                span(line.p95_seconds),
                sparkline(line.sparkline),
            ),
        )
        for line in await insights.entrypoint_stats()
        if fits(line.entrypoint, entrypoint)
    ]


VIEW = View(
    name="entrypoints",
    title="Entrypoints",
    columns=(
        "Entrypoint",
        "Paused",
        "Queued",
        "Running",
        "Oldest",
        "Done/min",
        "Failed",
        "p50",
        "p95",
        "Last 30 min",
    ),
    numbers=frozenset({"Queued", "Running", "Oldest", "Done/min", "Failed", "p50", "p95"}),
    empty="No entrypoint has had a job in the last hour.",
    gather=gather,
)
