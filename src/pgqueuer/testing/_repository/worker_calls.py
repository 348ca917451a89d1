"""The calls that workers of the 1.x interface make: dequeue, log_jobs, retry_job, heartbeat."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueuer.domain.models import Job
from pgqueuer.domain.types import JOB_STATUS, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.testing._repository.kit import (
    AT_ONCE,
    HOUR,
    OTHER,
    WORK,
    RepositoryKit,
    Store,
    claim,
    claim_one,
    enqueue,
    enqueue_one,
    expire,
    history,
    make_suspect,
    record_of,
    sizes,
    worker,
)


async def _dequeue(
    repository: Store,
    owner: QueueManagerId,
    batch_size: int = 10,
    *,
    limit: int = 0,
    most: int | None = None,
    heartbeat_timeout: timedelta = HOUR,
) -> list[Job]:
    entrypoints = {WORK: EntrypointExecutionParameter(limit)}
    return await repository.dequeue(batch_size, entrypoints, owner, most, heartbeat_timeout)


class WorkerCallTests(RepositoryKit):
    async def test_dequeue_claims_by_priority_and_age(self, repository: Store) -> None:
        me = worker()
        ids = await repository.enqueue([WORK] * 3, [None] * 3, [0, 1, 1])
        await enqueue_one(repository, OTHER)

        jobs = await _dequeue(repository, me, 2)

        assert [job.id for job in jobs] == ids[1:]
        assert {(job.status, job.queue_manager_id) for job in jobs} == {("picked", me)}
        assert [job.id for job in await _dequeue(repository, me)] == ids[:1]

    async def test_dequeue_needs_a_batch(self, repository: Store) -> None:
        with pytest.raises(ValueError, match="batch_size"):
            await _dequeue(repository, worker(), 0)

    async def test_dequeue_keeps_to_the_limit_and_to_what_one_worker_may_hold(
        self, repository: Store
    ) -> None:
        me = worker()
        await enqueue(repository, *[None] * 9)

        assert len(await _dequeue(repository, me, limit=2)) == 2
        assert await _dequeue(repository, worker(), limit=2) == []
        assert len(await _dequeue(repository, me, most=3)) == 1
        assert await _dequeue(repository, me, most=3) == []
        assert len(await _dequeue(repository, worker(), most=3)) == 3

    async def test_dequeue_takes_over_expired_leases(self, repository: Store) -> None:
        job_id = await enqueue_one(repository)
        await claim_one(repository, worker())
        assert await _dequeue(repository, worker()) == []

        jobs = await _dequeue(repository, worker(), heartbeat_timeout=AT_ONCE)

        assert [(job.id, job.attempts) for job in jobs] == [(job_id, 1)]

    async def test_dequeue_comes_to_a_suspect_when_nothing_else_is_left(
        self, repository: Store
    ) -> None:
        suspect = await make_suspect(repository)
        innocent = await enqueue_one(repository)

        assert [job.id for job in await _dequeue(repository, worker())] == [innocent]
        assert [job.id for job in await _dequeue(repository, worker())] == [suspect]

    @pytest.mark.parametrize("status", ["successful", "exception", "canceled"])
    async def test_log_jobs_ends_jobs(self, repository: Store, status: JOB_STATUS) -> None:
        job_id = await enqueue_one(repository)
        job = await claim_one(repository, worker())
        record = record_of(job_id)

        await repository.log_jobs([(job, status, record)])

        assert await repository.queue_size() == []
        entry = (await repository.queue_log())[-1]
        assert (entry.job_id, entry.status, entry.traceback) == (job_id, status, record)

    async def test_log_jobs_refuses_what_is_no_outcome(self, repository: Store) -> None:
        await enqueue_one(repository)
        job = await claim_one(repository, worker())

        with pytest.raises(ValueError, match="picked"):
            await repository.log_jobs([(job, "picked", None)])

        assert await sizes(repository) == {(WORK, "picked"): 1}

    async def test_log_jobs_holds_failed_jobs(self, repository: Store) -> None:
        job_id = await enqueue_one(repository)
        job = await claim_one(repository, worker())

        await repository.log_jobs([(job, "failed", record_of(job_id))])

        (held,) = await repository.list_failed_jobs()
        assert (held.id, held.queue_manager_id) == (job_id, None)

    async def test_log_jobs_and_retry_job_change_nothing_after_the_lease_was_lost(
        self, repository: Store
    ) -> None:
        job_id = await enqueue_one(repository)
        late = await claim_one(repository, worker())
        await expire(repository)
        await claim_one(repository, worker())
        before = await history(repository, job_id)

        await repository.log_jobs([(late, "successful", None), (late, "failed", None)])
        await repository.retry_job(late, AT_ONCE, None)

        assert await sizes(repository) == {(WORK, "picked"): 1}
        assert await history(repository, job_id) == before

    async def test_retry_job_puts_the_job_back_with_its_reason(self, repository: Store) -> None:
        job_id = await enqueue_one(repository)
        job = await claim_one(repository, worker())
        record = record_of(job_id)

        await repository.retry_job(job, AT_ONCE, record)

        entry = (await repository.queue_log())[-1]
        assert (entry.job_id, entry.status, entry.traceback) == (job_id, "queued", record)
        again = await claim_one(repository, worker())
        assert (again.id, again.attempts) == (job_id, 1)

    async def test_retry_job_keeps_the_delay(self, repository: Store) -> None:
        await enqueue_one(repository)
        job = await claim_one(repository, worker())

        await repository.retry_job(job, HOUR, None)

        assert await claim(repository, worker()) == []
        assert await repository.queued_work([WORK]) > 0

    async def test_update_heartbeat_renews_picked_jobs(self, repository: Store) -> None:
        if not self.has_insights:
            pytest.skip("heartbeats are seen through the insights")
        job_id = await enqueue_one(repository)
        claimed = await claim_one(repository, worker())

        await repository.update_heartbeat([job_id, job_id])

        job = await repository.queue_job_by_id(job_id)
        assert job is not None
        assert job.heartbeat > claimed.heartbeat
