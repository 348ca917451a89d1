"""Concurrency limits: exact in the whole fleet, and a seat ends with its claim."""

from __future__ import annotations

import asyncio

import pytest

from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.domain.types import JOB_STATUS
from pgqueuer.testing._repository.kit import (
    OTHER,
    WORK,
    RepositoryKit,
    Store,
    claim,
    enqueue,
    expire,
    make_suspect,
    settle,
    sizes,
    worker,
)


class LimitTests(RepositoryKit):
    @pytest.mark.parametrize("limit", [1, 3])
    async def test_a_limit_holds_for_any_number_of_claimers(
        self, peers: list[Store], limit: int
    ) -> None:
        await enqueue(peers[0], *[None] * 50)
        claimers = [peer for peer in peers for _ in range(5)]
        held = 0
        for _ in range(3):
            batches = await asyncio.gather(
                *(claim(peer, worker(), 5, limit=limit) for peer in claimers)
            )
            held += sum(map(len, batches))
            assert held <= limit
            assert (await sizes(peers[0])).get((WORK, "picked"), 0) == held

        held += len(await claim(peers[0], worker(), 50, limit=limit))
        assert held == limit

    async def test_a_batch_is_cut_to_the_limit(self, repository: Store) -> None:
        ids = await enqueue(repository, *[None] * 5)

        assert [job.id for job in await claim(repository, worker(), 5, limit=2)] == ids[:2]
        assert await claim(repository, worker(), 5, limit=2) == []

    async def test_limits_of_entrypoints_are_counted_apart(self, repository: Store) -> None:
        await repository.enqueue([WORK, OTHER] * 3, [None] * 6)
        request = ClaimRequest(
            owner=worker(),
            batch_size=10,
            entrypoints={
                WORK: EntrypointTerms(concurrency_limit=1),
                OTHER: EntrypointTerms(concurrency_limit=2),
            },
        )

        jobs = await repository.claim(request)

        assert sorted(job.entrypoint for job in jobs) == sorted([WORK, OTHER, OTHER])

    async def test_a_saturated_entrypoint_does_not_stand_in_the_way_of_others(
        self, repository: Store
    ) -> None:
        await enqueue(repository, *[None] * 20, priority=9)
        others = await enqueue(repository, None, None, entrypoint=OTHER)
        request = ClaimRequest(
            owner=worker(),
            batch_size=2,
            entrypoints={WORK: EntrypointTerms(concurrency_limit=1), OTHER: EntrypointTerms()},
        )

        first = await repository.claim(request)
        second = await repository.claim(request)

        assert [job.entrypoint for job in first] == [WORK, OTHER]
        assert [job.id for job in second] == others[1:]

    async def test_jobs_picked_without_the_limit_count_too(self, repository: Store) -> None:
        await enqueue(repository, *[None] * 4)
        await claim(repository, worker(), 2)

        assert await claim(repository, worker(), 5, limit=2) == []
        assert len(await claim(repository, worker(), 5, limit=3)) == 1

    @pytest.mark.parametrize("status", ["successful", "exception", "canceled", "failed", "queued"])
    async def test_settling_frees_the_seat(self, repository: Store, status: JOB_STATUS) -> None:
        me = worker()
        await enqueue(repository, *[None] * 3)
        (job,) = await claim(repository, me, limit=1)
        assert await claim(repository, me, limit=1) == []

        await settle(repository, me, status, job.id)

        assert len(await claim(repository, me, 5, limit=1)) == 1

    async def test_cancel_and_an_expired_lease_free_the_seat(self, repository: Store) -> None:
        await enqueue(repository, *[None] * 3)
        (job,) = await claim(repository, worker(), limit=1)
        await repository.mark_job_as_cancelled([job.id])
        (job,) = await claim(repository, worker(), limit=1)
        await expire(repository)

        (again,) = await claim(repository, worker(), limit=1)

        assert again.id == job.id

    async def test_a_job_that_comes_back_leaves_no_seat_behind(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, *[None] * 2)
        for job_id in ids:
            (job,) = await claim(repository, me, limit=1)
            assert job.id == job_id
            await settle(repository, me, "failed", job_id)
        await repository.requeue_jobs(ids)

        assert len(await claim(repository, me)) == 2

    async def test_suspects_keep_to_the_limit(self, repository: Store) -> None:
        await make_suspect(repository)
        await enqueue(repository, None)
        (job,) = await claim(repository, worker(), limit=1)
        assert await claim(repository, worker(), limit=1, suspects=True) == []
        await repository.mark_job_as_cancelled([job.id])

        assert len(await claim(repository, worker(), limit=1, suspects=True)) == 1
