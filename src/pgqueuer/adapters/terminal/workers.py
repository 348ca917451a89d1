"""Workers that hold jobs, and jobs whose worker has been silent."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import CAUTION, Row, View, fits
from pgqueuer.adapters.wording import ago, count, span
from pgqueuer.core.insights import InsightsService


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """A line for each worker, then one for each stale job."""
    workers = [
        Row(
            key=f"worker {worker.queue_manager_id}",
            cells=(
                worker.queue_manager_id,
                f"{count(worker.active_jobs)} running",
                ago(worker.newest_heartbeat),
                ", ".join(worker.entrypoints),
            ),
        )
        for worker in await insights.active_workers()
        if entrypoint is None or entrypoint in worker.entrypoints
    ]
    return workers + [
        Row(
            key=f"job {job.id}",
            cells=(
                job.queue_manager_id,
                f"stale job {job.id}",
                f"{span(job.seconds_since_heartbeat)} ago",
                job.entrypoint,
            ),
            job_id=job.id,
            style=CAUTION,
        )
        for job in await insights.stale_jobs()
        if fits(job.entrypoint, entrypoint)
    ]


VIEW = View(
    name="workers",
    title="Workers",
    columns=("Worker", "Jobs", "Heartbeat", "Entrypoints"),
    numbers=frozenset(),
    empty="No worker holds a job.",
    gather=gather,
)
