"""What operators do: requeue, cancel, clear, and look at sizes and held jobs."""

from __future__ import annotations

import asyncio

from pgqueuer.domain.types import JobId
from pgqueuer.testing._repository.kit import (
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
    settle,
    sizes,
    worker,
)


class OperationTests(RepositoryKit):
    async def test_requeue_puts_held_jobs_back_as_new(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)
        await settle(repository, me, "queued", job_id)
        await claim_one(repository, me)
        await settle(repository, me, "failed", job_id)

        await repository.requeue_jobs([job_id])

        assert await repository.list_failed_jobs() == []
        job = await claim_one(repository, worker())
        assert (job.id, job.attempts) == (job_id, 0)
        assert (await history(repository, job_id))[-3:] == ["failed", "queued", "picked"]

    async def test_requeue_forgets_takeovers(self, repository: Store) -> None:
        job_id = await make_suspect(repository)
        await claim(repository, worker(), suspects=True)
        await expire(repository, max_takeovers=2)
        assert [job.id for job in await repository.list_failed_jobs()] == [job_id]

        await repository.requeue_jobs([job_id])

        assert (await claim_one(repository, worker())).id == job_id

    async def test_requeue_leaves_jobs_alone_that_are_not_held(self, repository: Store) -> None:
        ids = await enqueue(repository, None, None)
        await claim(repository, worker(), 1)

        await repository.requeue_jobs([*ids, JobId(ids[-1] + 1000)])

        assert await sizes(repository) == {(WORK, "queued"): 1, (WORK, "picked"): 1}
        assert await history(repository, ids[0]) == ["queued", "picked"]
        assert await history(repository, ids[1]) == ["queued"]

    async def test_requeues_at_the_same_time_put_back_once(self, peers: list[Store]) -> None:
        me = worker()
        ids = await enqueue(peers[0], *[None] * 5)
        await claim(peers[0], me)
        await settle(peers[0], me, "failed", *ids)

        await asyncio.gather(*(peer.requeue_jobs(ids) for peer in peers))

        assert [await history(peers[0], job_id) for job_id in ids] == [
            ["queued", "picked", "failed", "queued"]
        ] * len(ids)

    async def test_cancel_removes_queued_picked_and_held_jobs(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, *[None] * 4)
        await claim(repository, me, 2)
        await settle(repository, me, "failed", ids[0])

        await repository.mark_job_as_cancelled(ids[:3])

        assert await sizes(repository) == {(WORK, "queued"): 1}
        assert await history(repository, ids[0]) == ["queued", "picked", "failed", "canceled"]
        assert await history(repository, ids[1]) == ["queued", "picked", "canceled"]
        assert await history(repository, ids[2]) == ["queued", "canceled"]

    async def test_the_outcome_of_a_canceled_job_is_lost(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)
        await repository.mark_job_as_cancelled([job_id])

        assert await repository.keep_leases(me, [job_id]) == [job_id]
        assert await settle(repository, me, "successful", job_id) == [job_id]
        assert await history(repository, job_id) == ["queued", "picked", "canceled"]

    async def test_cancel_of_unknown_jobs_is_harmless(self, repository: Store) -> None:
        await repository.mark_job_as_cancelled([JobId(10**9)])
        await repository.mark_job_as_cancelled([])

        assert await repository.queue_log() == []

    async def test_a_job_is_canceled_once(self, repository: Store) -> None:
        job_id = await enqueue_one(repository)

        await repository.mark_job_as_cancelled([job_id, job_id])
        await repository.mark_job_as_cancelled([job_id])

        assert await history(repository, job_id) == ["queued", "canceled"]

    async def test_clear_deletes_the_jobs_of_an_entrypoint(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, *[None] * 3)
        other = await enqueue_one(repository, OTHER)
        await claim(repository, me, 2)
        await settle(repository, me, "failed", ids[0])

        await repository.clear_queue(WORK)

        assert await sizes(repository) == {(OTHER, "queued"): 1}
        assert [(await history(repository, job_id))[-1] for job_id in ids] == ["deleted"] * 3
        assert await history(repository, other) == ["queued"]

    async def test_clear_takes_several_entrypoints(self, repository: Store) -> None:
        await repository.enqueue([WORK, OTHER, "third"], [None] * 3)

        await repository.clear_queue([WORK, OTHER])

        assert await sizes(repository) == {("third", "queued"): 1}

    async def test_clear_without_entrypoint_empties_the_queue_and_logs_nothing(
        self, repository: Store
    ) -> None:
        ids = await repository.enqueue([WORK, OTHER], [None, None])
        await claim(repository, worker(), 1)
        before = len(await repository.queue_log())

        await repository.clear_queue()

        assert await repository.queue_size() == []
        assert await claim(repository, worker(), 10, WORK, OTHER) == []
        assert len(await repository.queue_log()) == before
        assert await enqueue_one(repository) not in ids

    async def test_sizes_are_by_entrypoint_priority_and_status(self, repository: Store) -> None:
        await repository.enqueue([WORK] * 4 + [OTHER], [None] * 5, [1, 1, 2, 2, 1])
        await claim(repository, worker(), 1)

        rows = await repository.queue_size()

        assert sorted((row.entrypoint, row.priority, row.status, row.count) for row in rows) == [
            (OTHER, 1, "queued", 1),
            (WORK, 1, "queued", 2),
            (WORK, 2, "picked", 1),
            (WORK, 2, "queued", 1),
        ]

    async def test_held_jobs_are_listed_by_age_and_cut(self, repository: Store) -> None:
        me = worker()
        ids = [await enqueue_one(repository) for _ in range(3)]
        await enqueue_one(repository, OTHER)
        await claim(repository, me)
        await settle(repository, me, "failed", *ids)

        newest = await repository.list_failed_jobs()
        oldest = await repository.list_failed_jobs(2, "ASC")

        assert [job.id for job in newest] == ids[::-1]
        assert [job.id for job in oldest] == ids[:2]
