"""The calls that workers of the 1.x interface make; they rest on claim, settle and reap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pgqueuer.adapters.inmemory.queries.leases import Leases
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.domain.models import Job, TracebackRecord, utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter


class WorkerCalls(Leases):
    """Every write names the owner, taken from the job that it is about."""

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Claim jobs, expired leases of any worker included; the same contract as `Queries`."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        terms = {
            name: EntrypointTerms(concurrency_limit=max(given.concurrency_limit, 0))
            for name, given in entrypoints.items()
        }
        await self.reap(None, terms, heartbeat_timeout)
        if global_concurrency_limit is not None:
            held = sum(
                row.queue_manager_id == queue_manager_id and row.entrypoint in terms
                for row in self._table.picked.values()
            )
            batch_size = min(batch_size, global_concurrency_limit - held)
        request = ClaimRequest(owner=queue_manager_id, batch_size=batch_size, entrypoints=terms)
        return await self.claim(request) or await self.claim(replace(request, suspects=True))

    async def log_jobs(
        self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]
    ) -> None:
        """Write outcomes of jobs that are still picked by the owner that each job names."""
        await self.settle(
            [
                Settlement(job.id, job.queue_manager_id, status, record)
                for job, status, record in job_status
            ]
        )

    async def retry_job(
        self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """Put the job back, eligible after `delay`, one attempt more; only if still its owner's."""
        await self.settle(
            [Settlement(job.id, job.queue_manager_id, "queued", traceback_record, delay)]
        )

    async def update_heartbeat(self, job_ids: list[JobId]) -> None:
        """Renew the leases of picked jobs, whoever holds them; a worker uses `keep_leases`."""
        now = utc_now()
        for job_id in job_ids:
            if (row := self._table.picked.get(job_id)) is not None:
                row.heartbeat = now
