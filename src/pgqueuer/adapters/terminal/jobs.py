"""Held jobs first, then those that run and those that wait."""

from __future__ import annotations

from typing import Final

from pgqueuer.adapters.terminal.rows import BAD, Row, View
from pgqueuer.adapters.wording import ago, word
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
            # The cursor does not follow a held job that was put back: the next one is at its place.
            key=f"held {job.id}" if status == "failed" else str(job.id),
            cells=(
                job.id,
                word(status),
                job.entrypoint,
                job.priority,
                job.attempts,
                ago(job.created),
                ago(job.execute_after),
                ago(job.updated),
            ),
            job_id=job.id,
            style=BAD if status == "failed" else "",
        )
        for status in STATUSES
        for job in await insights.browse_queue(SHOWN, 0, [status], wanted, payloads=False)
    ]


VIEW = View(
    name="jobs",
    title="Jobs",
    columns=("ID", "Status", "Entrypoint", "Priority", "Attempts", "Created", "Due", "Updated"),
    numbers=frozenset({"ID", "Priority", "Attempts"}),
    empty="No job is queued, runs or is held.",
    gather=gather,
)
