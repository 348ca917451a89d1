"""Held jobs first, then those that run and those that wait."""

from __future__ import annotations

from typing import Final

from pgqueuer.adapters.terminal.rows import Row, View, when
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.types import JOB_STATUS

SHOWN: Final = 100
"""Of each status."""
STATUSES: Final[tuple[JOB_STATUS, ...]] = ("failed", "picked", "queued")


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """Jobs of the three statuses that a queue has."""
    wanted = None if entrypoint is None else [entrypoint]
    return [
        Row(
            key=str(job.id),
            cells=(
                job.id,
                "held" if status == "failed" else status,
                job.entrypoint,
                job.priority,
                job.attempts,
                when(job.created),
                when(job.updated),
            ),
            job_id=job.id,
        )
        for status in STATUSES
        for job in await insights.browse_queue(SHOWN, 0, [status], wanted)
    ]


VIEW = View(
    name="jobs",
    title="Jobs",
    columns=("ID", "Status", "Entrypoint", "Priority", "Attempts", "Created", "Updated"),
    gather=gather,
)
