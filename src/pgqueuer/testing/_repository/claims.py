"""Claims: which jobs a worker gets, in which order, and that it alone has them."""

from __future__ import annotations

import asyncio

import pytest

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
    history,
    make_suspect,
    settle,
    sizes,
    worker,
)


class ClaimTests(RepositoryKit):
    async def test_claims_follow_priority_and_then_age(self, repository: Store) -> None:
        ids = await repository.enqueue(
            [WORK, OTHER, WORK, OTHER, WORK], [None] * 5, [0, 5, 5, -1, 0]
        )

        jobs = await claim(repository, worker(), 10, WORK, OTHER)

        assert [job.id for job in jobs] == [ids[1], ids[2], ids[0], ids[4], ids[3]]

    async def test_a_small_batch_takes_the_front_of_all_entrypoints(
        self, repository: Store
    ) -> None:
        ids = await repository.enqueue([WORK, OTHER, WORK, OTHER], [None] * 4, [1, 3, 2, 0])

        first = await claim(repository, worker(), 3, WORK, OTHER)
        rest = await claim(repository, worker(), 3, WORK, OTHER)

        assert [job.id for job in first] == [ids[1], ids[2], ids[0]]
        assert [job.id for job in rest] == [ids[3]]

    async def test_a_claim_takes_at_most_the_batch(self, repository: Store) -> None:
        await enqueue(repository, *[None] * 5)

        assert len(await claim(repository, worker(), 2)) == 2
        assert await sizes(repository) == {(WORK, "queued"): 3, (WORK, "picked"): 2}

    async def test_an_empty_queue_gives_nothing(self, repository: Store) -> None:
        assert await claim(repository, worker()) == []

    async def test_other_entrypoints_are_left_alone(self, repository: Store) -> None:
        await enqueue_one(repository, OTHER)

        assert await claim(repository, worker()) == []
        assert await sizes(repository) == {(OTHER, "queued"): 1}

    async def test_a_claimed_job_names_its_owner(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)

        job = await claim_one(repository, me)

        assert (job.id, job.status, job.queue_manager_id) == (job_id, "picked", me)
        assert job.heartbeat == job.updated
        assert job.heartbeat > job.created
        assert await history(repository, job_id) == ["queued", "picked"]

    async def test_a_claimed_job_is_not_claimed_again(self, repository: Store) -> None:
        me = worker()
        await enqueue_one(repository)
        await claim_one(repository, me)

        assert await claim(repository, me) == []
        assert await claim(repository, worker()) == []

    async def test_a_deferred_job_waits(self, repository: Store) -> None:
        await repository.enqueue(WORK, None, execute_after=HOUR, priority=9)
        due = await enqueue_one(repository)

        assert [job.id for job in await claim(repository, worker())] == [due]

    async def test_claims_at_the_same_time_never_share_a_job(self, peers: list[Store]) -> None:
        ids = await enqueue(peers[0], *[None] * 60)
        claimers = [peer for peer in peers for _ in range(4)]

        batches = await asyncio.gather(*(claim(peer, worker(), 3) for peer in claimers))

        claimed = [job.id for batch in batches for job in batch]
        assert len(claimed) == len(set(claimed))
        rest = await claim(peers[0], worker(), 100)
        assert sorted(claimed + [job.id for job in rest]) == sorted(ids)

    async def test_a_suspect_waits_for_a_claim_of_suspects(self, repository: Store) -> None:
        suspect = await make_suspect(repository)
        innocent = await enqueue_one(repository)

        assert [job.id for job in await claim(repository, worker())] == [innocent]
        jobs = await claim(repository, worker(), suspects=True)
        assert [(job.id, job.attempts) for job in jobs] == [(suspect, 2)]

    async def test_a_suspect_is_claimed_alone(self, repository: Store) -> None:
        suspects = [await make_suspect(repository) for _ in range(2)]
        await enqueue(repository, None, None, priority=9)

        jobs = await claim(repository, worker(), 10, suspects=True)

        assert [job.id for job in jobs] == suspects[:1]
        jobs = await claim(repository, worker(), 10, suspects=True)
        assert [job.id for job in jobs] == suspects[1:]

    async def test_a_claim_of_suspects_takes_nothing_else(self, repository: Store) -> None:
        await enqueue_one(repository)

        assert await claim(repository, worker(), suspects=True) == []

    async def test_a_row_that_can_not_be_read_is_parked_and_holds_back_no_other(
        self, repository: Store
    ) -> None:
        if not self.can_spoil_headers:
            pytest.skip("nothing can be written past this store")
        me = worker()
        ids = await enqueue(repository, b"1", b"2", b"3")
        await self.spoil_headers(repository, ids[1])

        jobs = await claim(repository, me)

        assert [job.id for job in jobs] == [ids[0], ids[2]]
        assert await sizes(repository) == {(WORK, "picked"): 2, (WORK, "failed"): 1}
        assert [job.id for job in await repository.list_failed_jobs()] == [ids[1]]
        (parked,) = [entry for entry in await repository.queue_log() if entry.status == "failed"]
        assert parked.job_id == ids[1]
        assert parked.traceback is not None
        assert "headers" in parked.traceback.exception_message
        assert await settle(repository, me, "successful", ids[0], ids[2]) == []
