"""Every schedule."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import Row, View, fits, when
from pgqueuer.core.insights import InsightsService


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """A line for each, with its next and its last run."""
    return [
        Row(
            key=str(row.id),
            cells=(
                row.id,
                row.entrypoint,
                row.expression,
                "paused" if row.paused else row.status,
                when(row.next_run),
                when(row.last_run),
            ),
        )
        for row in await insights.schedules()
        if fits(row.entrypoint, entrypoint)
    ]


VIEW = View(
    name="schedules",
    title="Schedules",
    columns=("ID", "Entrypoint", "Expression", "Status", "Next run", "Last run"),
    gather=gather,
)
