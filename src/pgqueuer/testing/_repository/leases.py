"""Leases: kept by their owner, ended when it is gone, and what that costs the job."""

from __future__ import annotations

import asyncio

import pytest

from pgqueuer.domain.types import JobId
from pgqueuer.testing._repository.kit import (
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
    settle,
    sizes,
    terms,
    worker,
)


class LeaseTests(RepositoryKit):
    async def test_keeping_leases_renews_the_heartbeat(self, repository: Store) -> None:
        if not self.has_insights:
            pytest.skip("heartbeats are seen through the insights")
        me = worker()
        job_id = await enqueue_one(repository)
        claimed = await claim_one(repository, me)

        assert await repository.keep_leases(me, [job_id]) == []

        job = await repository.queue_job_by_id(job_id)
        assert job is not None
        assert job.heartbeat > claimed.heartbeat
        assert (job.status, job.queue_manager_id) == ("picked", me)

    async def test_keeping_leases_tells_which_are_lost(self, repository: Store) -> None:
        me, other = worker(), worker()
        ids = await enqueue(repository, *[None] * 3)
        await claim(repository, me, 1)
        await claim(repository, other, 1)
        unknown = JobId(ids[-1] + 1000)

        lost = await repository.keep_leases(me, [*ids, unknown])

        assert sorted(lost) == [ids[1], ids[2], unknown]
        assert await repository.keep_leases(other, [ids[1]]) == []
        assert await repository.keep_leases(me, []) == []

    async def test_leases_of_others_are_not_renewed(self, repository: Store) -> None:
        if not self.has_insights:
            pytest.skip("heartbeats are seen through the insights")
        job_id = await enqueue_one(repository)
        claimed = await claim_one(repository, worker())

        await repository.keep_leases(worker(), [job_id])

        job = await repository.queue_job_by_id(job_id)
        assert job is not None
        assert job.heartbeat == claimed.heartbeat

    async def test_an_expired_lease_puts_the_job_back_and_counts_an_attempt(
        self, repository: Store
    ) -> None:
        job_id = await enqueue_one(repository)
        await claim_one(repository, worker())

        report = await expire(repository)

        assert (report.requeued, report.parked) == (1, 0)
        assert report.next_expiry is None
        assert await sizes(repository) == {(WORK, "queued"): 1}
        job = await claim_one(repository, worker())
        assert (job.id, job.attempts) == (job_id, 1)
        assert await history(repository, job_id) == ["queued", "picked", "queued", "picked"]

    async def test_the_log_says_why_a_job_came_back(self, repository: Store) -> None:
        dead = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, dead)
        await expire(repository)

        entry = (await repository.queue_log())[-1]

        assert (entry.job_id, entry.status) == (job_id, "queued")
        assert entry.traceback is not None
        assert entry.traceback.job_id == job_id
        assert entry.traceback.additional_context is not None
        assert entry.traceback.additional_context["queue_manager_id"] == str(dead)
        assert entry.traceback.additional_context["takeovers"] == 1

    async def test_a_worker_never_takes_over_from_itself(self, repository: Store) -> None:
        me, other = worker(), worker()
        await enqueue(repository, None, None)
        (mine,) = await claim(repository, me, 1)
        (theirs,) = await claim(repository, other, 1)

        report = await expire(repository, owner=me)

        assert (report.requeued, report.next_expiry) == (1, None)
        assert await settle(repository, me, "successful", mine.id) == []
        assert await settle(repository, other, "successful", theirs.id) == [theirs.id]

    async def test_a_living_lease_is_left_alone_and_its_end_foretold(
        self, repository: Store
    ) -> None:
        await enqueue_one(repository)
        await claim_one(repository, worker())

        report = await repository.reap(worker(), terms(), HOUR)

        assert (report.requeued, report.parked, report.suspects) == (0, 0, False)
        assert report.next_expiry is not None
        assert HOUR / 2 < report.next_expiry <= HOUR
        assert await sizes(repository) == {(WORK, "picked"): 1}

    async def test_leases_of_other_entrypoints_are_left_alone(self, repository: Store) -> None:
        await enqueue_one(repository, OTHER)
        await claim(repository, worker(), 1, OTHER)

        report = await expire(repository)

        assert (report.requeued, report.next_expiry) == (0, None)
        assert await sizes(repository) == {(OTHER, "picked"): 1}

    async def test_nothing_picked_is_nothing_to_reap(self, repository: Store) -> None:
        await enqueue_one(repository)

        report = await expire(repository)

        assert (report.requeued, report.parked) == (0, 0)
        assert (report.suspects, report.next_expiry) == (False, None)

    async def test_reapers_at_the_same_time_take_over_once(self, peers: list[Store]) -> None:
        ids = await enqueue(peers[0], *[None] * 10)
        await claim(peers[0], worker(), 10)

        reports = await asyncio.gather(*(expire(peer) for peer in peers))

        assert sum(report.requeued for report in reports) == len(ids)
        jobs = await claim(peers[0], worker(), 10)
        assert [job.attempts for job in jobs] == [1] * len(ids)

    @pytest.mark.parametrize("most", [0, 1, 3])
    async def test_a_job_that_was_taken_over_too_often_is_parked(
        self, repository: Store, most: int
    ) -> None:
        job_id = await enqueue_one(repository)
        for _ in range(most):
            assert await self._claim_even_a_suspect(repository) == job_id
            report = await expire(repository, max_takeovers=most)
            assert (report.requeued, report.parked) == (1, 0)
        assert await self._claim_even_a_suspect(repository) == job_id

        report = await expire(repository, max_takeovers=most)

        assert (report.requeued, report.parked, report.suspects) == (0, 1, False)
        (job,) = await repository.list_failed_jobs()
        assert (job.id, job.attempts, job.queue_manager_id) == (job_id, most + 1, None)
        entry = (await repository.queue_log())[-1]
        assert (entry.job_id, entry.status) == (job_id, "failed")
        assert entry.traceback is not None
        assert entry.traceback.exception_message

    async def _claim_even_a_suspect(self, repository: Store) -> JobId:
        me = worker()
        (job,) = await claim(repository, me) or await claim(repository, me, suspects=True)
        return job.id

    async def test_suspects_are_reported_while_they_wait(self, repository: Store) -> None:
        job_id = await enqueue_one(repository)
        await claim_one(repository, worker())
        assert not (await expire(repository)).suspects
        await claim_one(repository, worker())
        assert (await expire(repository)).suspects
        assert (await expire(repository)).suspects
        me = worker()
        await claim(repository, me, suspects=True)
        assert not (await expire(repository, owner=me)).suspects
        await settle(repository, me, "successful", job_id)

        assert not (await expire(repository)).suspects

    async def test_claims_that_their_owner_does_not_know_are_put_back(
        self, repository: Store
    ) -> None:
        me, other = worker(), worker()
        ids = await enqueue(repository, *[None] * 4)
        await claim(repository, me, 3)
        await claim(repository, other, 1)

        assert await repository.recover_claims(me, [ids[1]]) == 2

        assert await repository.keep_leases(me, ids[:3]) == [ids[0], ids[2]]
        assert await repository.keep_leases(other, ids[3:]) == []
        jobs = await claim(repository, worker())
        assert [(job.id, job.attempts) for job in jobs] == [(ids[0], 0), (ids[2], 0)]
        assert await history(repository, ids[0]) == ["queued", "picked", "queued", "picked"]

    async def test_without_unknown_claims_nothing_is_put_back(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)

        assert await repository.recover_claims(me, [job_id]) == 0
        assert await repository.recover_claims(worker(), []) == 0
        assert await sizes(repository) == {(WORK, "picked"): 1}
