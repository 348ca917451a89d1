"""Outcomes: what becomes of a job, and that only its owner decides."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pgqueuer.domain.lifecycle import Settlement
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.testing._repository.kit import (
    HOUR,
    WORK,
    RepositoryKit,
    Store,
    claim,
    claim_one,
    enqueue,
    enqueue_one,
    expire,
    history,
    record_of,
    settle,
    sizes,
    worker,
)

ENDS: list[JOB_STATUS] = ["successful", "exception", "canceled", "deleted"]
OUTCOMES: list[JOB_STATUS] = [*ENDS, "failed", "queued"]


class SettlingTests(RepositoryKit):
    @pytest.mark.parametrize("status", ENDS)
    async def test_a_finished_job_leaves_the_queue_and_is_logged(
        self, repository: Store, status: JOB_STATUS
    ) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)

        assert await settle(repository, me, status, job_id) == []

        assert await repository.queue_size() == []
        assert await history(repository, job_id) == ["queued", "picked", status]
        (row,) = await repository.job_status([job_id])
        assert (row.job_id, row.status) == (job_id, status)

    @pytest.mark.parametrize("status", OUTCOMES)
    async def test_who_does_not_own_a_job_changes_nothing(
        self, repository: Store, status: JOB_STATUS
    ) -> None:
        owner = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, owner)

        assert await settle(repository, worker(), status, job_id) == [job_id]
        assert await repository.settle([Settlement(job_id, None, status)]) == [job_id]

        assert await sizes(repository) == {(WORK, "picked"): 1}
        assert await history(repository, job_id) == ["queued", "picked"]
        assert await settle(repository, owner, "successful", job_id) == []

    async def test_of_several_outcomes_of_one_job_the_first_counts(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)
        first, second = Settlement(job_id, me, "queued"), Settlement(job_id, me, "successful")

        assert await repository.settle([first, second]) == []

        assert await sizes(repository) == {(WORK, "queued"): 1}
        assert await history(repository, job_id) == ["queued", "picked", "queued"]

    @pytest.mark.parametrize("status", OUTCOMES)
    async def test_who_lost_a_job_to_another_changes_nothing(
        self, repository: Store, status: JOB_STATUS
    ) -> None:
        late, owner = worker(), worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, late)
        await expire(repository)
        await claim_one(repository, owner)

        assert await settle(repository, late, status, job_id) == [job_id]

        assert await sizes(repository) == {(WORK, "picked"): 1}
        assert await settle(repository, owner, "successful", job_id) == []
        assert await history(repository, job_id) == [
            "queued", "picked", "queued", "picked", "successful"
        ]  # fmt: skip

    @pytest.mark.parametrize("status", OUTCOMES)
    async def test_a_job_that_nobody_holds_is_lost(
        self, repository: Store, status: JOB_STATUS
    ) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        unknown = JobId(job_id + 1000)

        lost = await settle(repository, me, status, job_id, unknown)

        assert sorted(lost) == [job_id, unknown]
        assert await sizes(repository) == {(WORK, "queued"): 1}
        assert await history(repository, job_id) == ["queued"]

    async def test_an_outcome_is_written_once(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)
        await settle(repository, me, "successful", job_id)

        assert await settle(repository, me, "successful", job_id) == [job_id]
        assert await history(repository, job_id) == ["queued", "picked", "successful"]

    async def test_of_two_outcomes_at_the_same_time_one_is_written(
        self, peers: list[Store]
    ) -> None:
        me = worker()
        ids = await enqueue(peers[0], *[None] * 10)
        await claim(peers[0], me, 10)

        lost = await asyncio.gather(*(settle(peer, me, "successful", *ids) for peer in peers))

        assert sum(map(len, lost)) == len(ids) * (len(peers) - 1)
        log = await peers[0].queue_log()
        assert [entry.status for entry in log].count("successful") == len(ids)

    async def test_lost_jobs_do_not_hold_back_the_others(self, repository: Store) -> None:
        me, other = worker(), worker()
        ids = await enqueue(repository, *[None] * 4)
        mine = [job.id for job in await claim(repository, me, 2)]
        theirs = [job.id for job in await claim(repository, other, 2)]

        lost = await settle(repository, me, "successful", theirs[0], *mine, theirs[1])

        assert sorted(lost) == sorted(theirs)
        assert await sizes(repository) == {(WORK, "picked"): 2}
        assert [await history(repository, job_id) for job_id in ids[:2]] == [
            ["queued", "picked", "successful"]
        ] * 2

    async def test_one_call_writes_every_kind_of_outcome(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, *[None] * len(OUTCOMES))
        await claim(repository, me, len(OUTCOMES))

        await repository.settle(
            [Settlement(job_id, me, status) for job_id, status in zip(ids, OUTCOMES, strict=True)]
        )

        assert [(await history(repository, job_id))[-1] for job_id in ids] == OUTCOMES
        assert await sizes(repository) == {(WORK, "failed"): 1, (WORK, "queued"): 1}

    async def test_nothing_to_settle_is_fine(self, repository: Store) -> None:
        assert await repository.settle([]) == []

    async def test_a_parked_job_stays_without_an_owner(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)

        await repository.settle([Settlement(job_id, me, "failed", record_of(job_id))])

        (job,) = await repository.list_failed_jobs()
        assert (job.id, job.status, job.queue_manager_id) == (job_id, "failed", None)
        assert (job.payload, job.attempts) == (b"payload", 0)
        assert await claim(repository, worker()) == []

    async def test_a_retry_without_delay_is_due_at_once_and_counts(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        for attempt in range(3):
            job = await claim_one(repository, me)
            assert (job.id, job.attempts) == (job_id, attempt)
            assert await settle(repository, me, "queued", job_id) == []

        assert (await claim_one(repository, worker())).attempts == 3

    async def test_a_retry_waits_for_its_delay(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)

        await repository.settle([Settlement(job_id, me, "queued", delay=HOUR)])

        assert await claim(repository, worker()) == []
        eta = await repository.next_deferred_eta([WORK])
        assert eta is not None
        assert HOUR / 2 < eta <= HOUR

    async def test_a_release_counts_no_attempt(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)

        await repository.settle([Settlement(job_id, me, "queued", counts=False)])

        job = await claim_one(repository, worker())
        assert (job.id, job.attempts) == (job_id, 0)

    async def test_a_traceback_comes_back_as_it_was(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)
        record = TracebackRecord(
            job_id=job_id,
            timestamp=datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
            exception_type="Oops",
            exception_message='naïve "quotes" \\ and 🐘',
            traceback='Traceback:\n  File "x.py"\n\tOops',
            additional_context={"a": [1, None, {"b": "c"}], "d": 2.5, "e": None},
        )

        await repository.settle([Settlement(job_id, me, "exception", record)])

        entries = [entry for entry in await repository.queue_log() if entry.job_id == job_id]
        assert entries[-1].traceback == record
        assert [entry.traceback for entry in entries[:-1]] == [None, None]

    async def test_a_traceback_that_json_can_not_hold_does_not_lose_the_outcome(
        self, repository: Store
    ) -> None:
        me = worker()
        job_id = await enqueue_one(repository)
        await claim_one(repository, me)
        record = TracebackRecord.from_exception(
            ValueError("nul \0 and \ud800"),
            job_id,
            {"delay": timedelta(1), "thing": object(), "nan": float("nan"), "nul": "\0"},
        )

        assert await repository.settle([Settlement(job_id, me, "exception", record)]) == []

        log = await repository.queue_log()
        assert log[-1].status == "exception"
        assert log[-1].traceback is not None
        assert log[-1].traceback.exception_type == "ValueError"
