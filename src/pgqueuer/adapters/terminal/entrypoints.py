"""A line for each entrypoint, over the last hour."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import NOTHING, Row, View, fits, seconds, sparkline
from pgqueuer.core.insights import InsightsService


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """What each has to do, and how it did."""
    return [
        Row(
            key=line.entrypoint,
            cells=(
                line.entrypoint,
                line.queued,
                line.picked,
                seconds(line.oldest_age_seconds),
                f"{line.completed / 60:.3g}",
                NOTHING if line.failure_rate is None else f"{line.failure_rate * 100:.3g} %",
                seconds(line.p50_seconds),
                seconds(line.p95_seconds),
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
        "Queued",
        "Picked",
        "Oldest",
        "Done/min",
        "Failed",
        "p50",
        "p95",
        "Last 30 min",
    ),
    gather=gather,
)
