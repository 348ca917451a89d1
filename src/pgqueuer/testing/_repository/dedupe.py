"""Dedupe keys: of the active jobs only one holds a key."""

from __future__ import annotations

import asyncio

import pytest

from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.testing._repository.kit import (
    WORK,
    RepositoryKit,
    Store,
    claim,
    claim_one,
    expire,
    history,
    settle,
    sizes,
    terms,
    worker,
)


async def _enqueue_key(repository: Store, key: str | None, payload: bytes = b"") -> JobId:
    (job_id,) = await repository.enqueue(WORK, payload, dedupe_key=key)
    assert job_id is not None
    return job_id


class DedupeTests(RepositoryKit):
    async def test_a_key_that_is_held_is_refused_by_name_and_nothing_is_inserted(
        self, repository: Store
    ) -> None:
        await _enqueue_key(repository, "held")

        with pytest.raises(DuplicateJobError, match="held") as caught:
            await repository.enqueue(
                [WORK, WORK, WORK], [None] * 3, dedupe_key=["free", "held", None]
            )

        assert caught.value.dedupe_key == ["held"]
        assert await sizes(repository) == {(WORK, "queued"): 1}
        assert len(await repository.queue_log()) == 1

    async def test_every_key_that_clashes_is_named(self, repository: Store) -> None:
        for key in ("a", "b", "c"):
            await _enqueue_key(repository, key)

        with pytest.raises(DuplicateJobError) as caught:
            await repository.enqueue([WORK] * 3, [None] * 3, dedupe_key=["c", "free", "a"])

        assert sorted(map(str, caught.value.dedupe_key)) == ["a", "c"]

    async def test_a_key_that_stands_twice_in_one_call_is_refused(self, repository: Store) -> None:
        with pytest.raises(DuplicateJobError) as caught:
            await repository.enqueue([WORK] * 3, [None] * 3, dedupe_key=["twice", "x", "twice"])

        assert caught.value.dedupe_key == ["twice"]
        assert await repository.queue_size() == []

    async def test_jobs_without_a_key_never_clash(self, repository: Store) -> None:
        await repository.enqueue([WORK] * 3, [None] * 3, dedupe_key=[None, None, None])

        assert await sizes(repository) == {(WORK, "queued"): 3}

    @pytest.mark.parametrize("status", ["successful", "exception", "canceled", "failed"])
    async def test_a_job_that_is_not_active_any_more_frees_its_key(
        self, repository: Store, status: JOB_STATUS
    ) -> None:
        me = worker()
        job_id = await _enqueue_key(repository, "key")
        await claim_one(repository, me)
        await settle(repository, me, status, job_id)

        assert await _enqueue_key(repository, "key") != job_id

    async def test_a_canceled_or_cleared_job_frees_its_key(self, repository: Store) -> None:
        await repository.mark_job_as_cancelled([await _enqueue_key(repository, "key")])
        await _enqueue_key(repository, "key")
        await repository.clear_queue(WORK)
        await _enqueue_key(repository, "key")
        await repository.clear_queue()

        await _enqueue_key(repository, "key")

    async def test_a_job_that_is_picked_or_back_in_the_queue_holds_its_key(
        self, repository: Store
    ) -> None:
        me = worker()
        job_id = await _enqueue_key(repository, "key")
        await claim_one(repository, me)
        with pytest.raises(DuplicateJobError):
            await _enqueue_key(repository, "key")
        await settle(repository, me, "queued", job_id)
        with pytest.raises(DuplicateJobError):
            await _enqueue_key(repository, "key")
        await claim_one(repository, me)
        await expire(repository)

        with pytest.raises(DuplicateJobError):
            await _enqueue_key(repository, "key")

    async def test_a_held_job_is_not_requeued_while_another_holds_its_key(
        self, repository: Store
    ) -> None:
        me = worker()
        job_id = await _enqueue_key(repository, "key")
        await claim_one(repository, me)
        await settle(repository, me, "failed", job_id)
        await _enqueue_key(repository, "key")

        with pytest.raises(DuplicateJobError, match="key"):
            await repository.requeue_jobs([job_id])

        assert await sizes(repository) == {(WORK, "queued"): 1, (WORK, "failed"): 1}

    async def test_of_held_jobs_with_one_key_not_two_are_requeued(self, repository: Store) -> None:
        me = worker()
        ids = []
        for _ in range(2):
            ids.append(await _enqueue_key(repository, "key"))
            await claim_one(repository, me)
            await settle(repository, me, "failed", ids[-1])

        with pytest.raises(DuplicateJobError, match="key"):
            await repository.requeue_jobs(ids)

        assert await sizes(repository) == {(WORK, "failed"): 2}

    async def test_skip_leaves_out_what_clashes(self, repository: Store) -> None:
        await _enqueue_key(repository, "held")

        ids = await repository.enqueue(
            [WORK] * 5,
            [b"0", b"1", b"2", b"3", b"4"],
            dedupe_key=["new", "held", "new", None, "last"],
            on_conflict="skip",
        )

        assert [job_id is None for job_id in ids] == [False, True, True, False, False]
        jobs = {job.id: job.payload for job in await claim(repository, worker())}
        assert [jobs[job_id] for job_id in ids if job_id is not None] == [b"0", b"3", b"4"]
        assert len(jobs) == 4

    async def test_skip_logs_only_what_was_inserted(self, repository: Store) -> None:
        held = await _enqueue_key(repository, "held")

        await repository.enqueue(WORK, None, dedupe_key="held", on_conflict="skip")

        assert [entry.job_id for entry in await repository.queue_log()] == [held]

    async def test_update_priority_raises_the_holder_and_nothing_else(
        self, repository: Store
    ) -> None:
        (held,) = await repository.enqueue(
            WORK, b"old", priority=1, dedupe_key="held", headers={"a": 1}
        )

        ids = await repository.enqueue(
            [WORK, WORK],
            [b"new", b"own"],
            [7, 3],
            dedupe_key=["held", "free"],
            headers=[{"a": 2}, None],
            on_conflict="update_priority",
        )

        assert ids[0] == held
        assert ids[1] not in {held, None}
        jobs = await claim(repository, worker())
        assert [(job.id, job.priority, job.payload, job.headers) for job in jobs] == [
            (held, 7, b"old", {"a": 1}),
            (ids[1], 3, b"own", None),
        ]
        assert [entry.status for entry in await repository.queue_log()] == [
            "queued",
            "queued",
            "picked",
            "picked",
        ]

    async def test_update_priority_never_lowers(self, repository: Store) -> None:
        await repository.enqueue(WORK, None, priority=5, dedupe_key="held")

        await repository.enqueue(
            WORK, None, priority=1, dedupe_key="held", on_conflict="update_priority"
        )

        assert (await claim_one(repository, worker())).priority == 5

    async def test_update_priority_leaves_a_running_job_to_its_owner(
        self, repository: Store
    ) -> None:
        me = worker()
        held = await _enqueue_key(repository, "held")
        await claim_one(repository, me)

        ids = await repository.enqueue(
            WORK, None, priority=9, dedupe_key="held", on_conflict="update_priority"
        )

        assert ids == [held]
        assert await claim(repository, worker()) == []
        assert await settle(repository, me, "successful", held) == []
        assert await history(repository, held) == ["queued", "picked", "successful"]

    async def test_update_priority_moves_a_job_ahead_of_others(self, repository: Store) -> None:
        first = await _enqueue_key(repository, "first")
        second = await _enqueue_key(repository, "second")
        assert (await repository.outlook(terms())).ready

        await repository.enqueue(
            WORK, None, priority=1, dedupe_key="second", on_conflict="update_priority"
        )

        assert [job.id for job in await claim(repository, worker())] == [second, first]

    async def test_update_priority_refuses_a_key_that_stands_twice(self, repository: Store) -> None:
        with pytest.raises(ValueError, match="dedupe_key"):
            await repository.enqueue(
                [WORK, WORK],
                [None, None],
                [1, 2],
                dedupe_key=["twice", "twice"],
                on_conflict="update_priority",
            )

        assert await repository.queue_size() == []

    async def test_of_producers_at_the_same_time_one_wins_the_key(self, peers: list[Store]) -> None:
        results = await asyncio.gather(
            *(_enqueue_key(repository, "key") for repository in peers * 4), return_exceptions=True
        )

        losers = [result for result in results if isinstance(result, BaseException)]
        assert {type(loser) for loser in losers} == {DuplicateJobError}
        assert len(results) - len(losers) == 1
        assert await sizes(peers[0]) == {(WORK, "queued"): 1}
