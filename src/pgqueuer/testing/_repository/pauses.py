"""Entrypoints that are paused: nobody claims their jobs, and nothing else changes."""

from __future__ import annotations

import pytest

from pgqueuer.domain.models import utc_now
from pgqueuer.ports.pauses import EntrypointPausing
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
    listening,
    make_suspect,
    settle,
    sizes,
    terms,
    worker,
)


def pauses_of(repository: Store) -> EntrypointPausing:
    """The part of the store that these tests are about."""
    if not isinstance(repository, EntrypointPausing):
        pytest.skip("this store can not pause")
    return repository


class PauseTests(RepositoryKit):
    async def test_jobs_of_a_paused_entrypoint_wait_and_keep_their_place(
        self, repository: Store
    ) -> None:
        first, second = await enqueue(repository, None, None)
        urgent = await enqueue_one(repository, priority=1)
        await pauses_of(repository).pause_entrypoints(WORK)

        assert await claim(repository, worker()) == []
        assert await sizes(repository) == {(WORK, "queued"): 3}

        await pauses_of(repository).resume_entrypoints(WORK)
        assert [job.id for job in await claim(repository, worker())] == [urgent, first, second]

    async def test_other_entrypoints_go_on(self, repository: Store) -> None:
        await enqueue(repository, None, None)
        others = await enqueue(repository, None, None, entrypoint=OTHER)
        await pauses_of(repository).pause_entrypoints([WORK])

        jobs = await claim(repository, worker(), 10, WORK, OTHER)

        assert [job.id for job in jobs] == others

    async def test_limits_hold_before_and_after(self, repository: Store) -> None:
        await enqueue(repository, None, None, None)
        running = await claim(repository, worker(), limit=2)
        await settle(
            repository, running[0].queue_manager_id or worker(), "successful", running[0].id
        )
        await pauses_of(repository).pause_entrypoints(WORK)

        assert await claim(repository, worker(), limit=2) == []
        outlook = await repository.outlook(terms(limit=2))
        assert (outlook.ready, outlook.saturated) == (False, False)

        await pauses_of(repository).resume_entrypoints(WORK)
        assert len(await claim(repository, worker(), limit=2)) == 1

    async def test_a_job_that_runs_ends_as_ever(self, repository: Store) -> None:
        me = worker()
        await enqueue_one(repository)
        job = await claim_one(repository, me)
        await pauses_of(repository).pause_entrypoints(WORK)

        assert await repository.keep_leases(me, [job.id]) == []
        assert await settle(repository, me, "successful", job.id) == []
        assert await sizes(repository) == {}

    async def test_a_job_of_a_dead_worker_goes_back_and_waits(self, repository: Store) -> None:
        await enqueue_one(repository)
        await claim_one(repository, worker())
        await pauses_of(repository).pause_entrypoints(WORK)

        report = await expire(repository)

        assert (report.requeued, report.parked) == (1, 0)
        assert await claim(repository, worker()) == []
        assert await sizes(repository) == {(WORK, "queued"): 1}

    async def test_a_suspect_waits_too(self, repository: Store) -> None:
        suspect = await make_suspect(repository)
        await pauses_of(repository).pause_entrypoints(WORK)

        assert not (await expire(repository)).suspects
        assert await claim(repository, worker(), suspects=True) == []

        await pauses_of(repository).resume_entrypoints(WORK)
        assert (await expire(repository)).suspects
        assert [job.id for job in await claim(repository, worker(), suspects=True)] == [suspect]

    async def test_paused_jobs_promise_nothing(self, repository: Store) -> None:
        await enqueue_one(repository)
        await repository.enqueue(WORK, None, execute_after=HOUR)
        await pauses_of(repository).pause_entrypoints(WORK)

        outlook = await repository.outlook(terms())

        assert (outlook.ready, outlook.saturated, outlook.next_eligible) == (False, False, None)
        assert await repository.queued_work([WORK]) == 0
        assert await repository.eligible_queued_work([WORK]) == 0
        assert await repository.next_deferred_eta([WORK]) is None
        await pauses_of(repository).resume_entrypoints(WORK)
        assert (await repository.outlook(terms())).ready
        assert await repository.queued_work([WORK]) > 0
        assert await repository.eligible_queued_work([WORK]) == 1
        assert await repository.next_deferred_eta([WORK]) is not None

    async def test_what_is_paused_is_listed_by_name(self, repository: Store) -> None:
        store = pauses_of(repository)
        assert await store.paused_entrypoints() == []
        assert (
            await store.pause_entrypoints([WORK, "never_seen", WORK], reason=" mail is down ") == 2
        )

        unknown, work = await store.paused_entrypoints()

        assert (unknown.entrypoint, work.entrypoint) == ("never_seen", WORK)
        assert (unknown.reason, work.reason) == ("mail is down", "mail is down")
        assert abs(utc_now() - work.since) < HOUR

    async def test_pausing_again_changes_the_reason_only(self, repository: Store) -> None:
        store = pauses_of(repository)
        await store.pause_entrypoints(WORK)
        (before,) = await store.paused_entrypoints()

        assert await store.pause_entrypoints([WORK, OTHER], reason="upgrade") == 1
        assert await store.pause_entrypoints(WORK) == 0

        _, after = await store.paused_entrypoints()
        assert (after.since, after.reason) == (before.since, "upgrade")

    async def test_resuming_tells_how_many_were_paused_and_wakes_the_workers(
        self, repository: Store
    ) -> None:
        store = pauses_of(repository)
        async with listening(repository) as listener:
            await store.pause_entrypoints(WORK)
            assert await listener.changes() == []
            assert await store.resume_entrypoints([WORK, OTHER]) == 1
            assert await listener.changes() == ["update"]
            assert await store.resume_entrypoints(WORK) == 0
            assert await listener.changes() == []
            assert await store.paused_entrypoints() == []

    async def test_no_name_is_nothing_to_do(self, repository: Store) -> None:
        assert await pauses_of(repository).pause_entrypoints([]) == 0
        assert await pauses_of(repository).resume_entrypoints([]) == 0

    @pytest.mark.parametrize("name", ["", "x" * 513, "a\0b"])
    async def test_what_can_not_be_an_entrypoint_is_refused(
        self, repository: Store, name: str
    ) -> None:
        with pytest.raises(ValueError, match="entrypoint"):
            await pauses_of(repository).pause_entrypoints([WORK, name])
        with pytest.raises(ValueError, match="entrypoint"):
            await pauses_of(repository).resume_entrypoints(name)
        assert await pauses_of(repository).paused_entrypoints() == []

    @pytest.mark.parametrize("reason", ["x" * 1001, "a\0b"])
    async def test_what_can_not_be_stored_is_no_reason(
        self, repository: Store, reason: str
    ) -> None:
        with pytest.raises(ValueError, match="reason"):
            await pauses_of(repository).pause_entrypoints(WORK, reason=reason)
