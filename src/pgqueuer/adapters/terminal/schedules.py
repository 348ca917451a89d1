"""Every schedule."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import CAUTION, Row, View, fits
from pgqueuer.adapters.wording import ago
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.models import Schedule


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """A line for each, with its next and its last run."""
    return [
        Row(
            key=str(row.id),
            cells=(
                row.id,
                row.entrypoint,
                row.expression,
                _state(row),
                None if row.paused else ago(row.next_run),
                ago(row.last_run),
            ),
            style=CAUTION if row.paused else "",
        )
        for row in await insights.schedules()
        if fits(row.entrypoint, entrypoint)
    ]


def _state(schedule: Schedule) -> str:
    if schedule.paused:
        return "paused"
    return "running" if schedule.status == "picked" else "waiting"


VIEW = View(
    name="schedules",
    title="Schedules",
    columns=("ID", "Entrypoint", "Expression", "Status", "Next run", "Last run"),
    numbers=frozenset({"ID"}),
    empty="There is no schedule.",
    gather=gather,
)
