"""Workers that hold jobs, and jobs whose worker has been silent."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import Row, View, fits, seconds, when
from pgqueuer.core.insights import InsightsService


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """A line for each worker, then one for each stale job."""
    workers = [
        Row(
            key=f"worker {worker.queue_manager_id}",
            cells=(
                worker.queue_manager_id,
                f"{worker.active_jobs} picked",
                ", ".join(worker.entrypoints),
                when(worker.newest_heartbeat),
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
                job.entrypoint,
                f"{seconds(job.seconds_since_heartbeat)} ago",
            ),
            job_id=job.id,
        )
        for job in await insights.stale_jobs()
        if fits(job.entrypoint, entrypoint)
    ]


VIEW = View(
    name="workers",
    title="Workers",
    columns=("Worker", "Jobs", "Entrypoints", "Heartbeat"),
    gather=gather,
)
