"""The calls by which a worker of the 1.x interface works, on top of claim, settle and reap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pgqueuer.core.ranges import check_count, check_duration
from pgqueuer.domain.lifecycle import (
    ClaimRequest,
    EntrypointTerms,
    ReapReport,
    Settlement,
    settled_by,
)
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter


class WorkerCalls(ABC):
    """What every store shares; each write names the owner, taken from the job it is about."""

    @abstractmethod
    async def claim(self, request: ClaimRequest) -> list[Job]:
        """See `JobStore.claim`."""

    @abstractmethod
    async def settle(self, settlements: Sequence[Settlement]) -> list[JobId]:
        """See `JobStore.settle`."""

    @abstractmethod
    async def reap(
        self,
        owner: QueueManagerId | None,
        entrypoints: Mapping[QueueEntrypoint, EntrypointTerms],
        heartbeat_timeout: timedelta,
    ) -> ReapReport:
        """See `JobStore.reap`."""

    @abstractmethod
    async def count_held(
        self, owner: QueueManagerId, entrypoints: Collection[QueueEntrypoint]
    ) -> int:
        """How many jobs of these entrypoints `owner` holds."""

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Claim jobs, expired leases of any worker included.

        `global_concurrency_limit` is the most that the worker may hold in all (None: no bound).
        Raises ValueError or TypeError for numbers out of range.
        """
        check_count("batch_size", batch_size, 1, None)
        check_duration("heartbeat_timeout", heartbeat_timeout)
        if global_concurrency_limit is not None:
            check_count("global_concurrency_limit", global_concurrency_limit, 0, None, ", or None")
        terms = {
            name: EntrypointTerms(concurrency_limit=max(given.concurrency_limit, 0))
            for name, given in entrypoints.items()
        }
        await self.reap(None, terms, heartbeat_timeout)
        if global_concurrency_limit is not None:
            held = await self.count_held(queue_manager_id, terms)
            batch_size = min(batch_size, global_concurrency_limit - held)
        if batch_size < 1:
            return []
        request = ClaimRequest(owner=queue_manager_id, batch_size=batch_size, entrypoints=terms)
        return await self.claim(request) or await self.claim(replace(request, suspects=True))

    async def log_jobs(
        self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]
    ) -> None:
        """Write outcomes of jobs that are still picked by the owner that each job names.

        Raises ValueError for `picked`, which is no outcome.
        """
        for _, status, _ in job_status:
            settled_by(status)
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
