"""What an idle worker may expect."""

from __future__ import annotations

from pgqueuer.domain.lifecycle import Outlook
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
    make_suspect,
    settle,
    terms,
    worker,
)


class OutlookTests(RepositoryKit):
    async def test_an_empty_queue_promises_nothing(self, repository: Store) -> None:
        await enqueue_one(repository, OTHER)

        assert await repository.outlook(terms()) == Outlook(
            ready=False, saturated=False, next_eligible=None
        )

    async def test_a_due_job_is_ready(self, repository: Store) -> None:
        await enqueue_one(repository)

        assert await repository.outlook(terms()) == Outlook(
            ready=True, saturated=False, next_eligible=None
        )

    async def test_a_picked_or_parked_job_is_not_ready(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, None, None)
        await claim(repository, me)
        await settle(repository, me, "failed", ids[0])

        assert not (await repository.outlook(terms())).ready

    async def test_the_next_deferred_job_is_foretold(self, repository: Store) -> None:
        await repository.enqueue([WORK, WORK], [None, None], execute_after=[2 * HOUR, HOUR])

        outlook = await repository.outlook(terms())

        assert (outlook.ready, outlook.saturated) == (False, False)
        assert outlook.next_eligible is not None
        assert HOUR / 2 < outlook.next_eligible <= HOUR

    async def test_a_job_that_waits_for_a_seat_is_saturated(self, repository: Store) -> None:
        me = worker()
        await enqueue(repository, None, None)
        (job,) = await claim(repository, me, limit=1)

        outlook = await repository.outlook(terms(limit=1))
        assert (outlook.ready, outlook.saturated) == (False, True)
        assert (await repository.outlook(terms(limit=2))).ready
        await settle(repository, me, "successful", job.id)
        outlook = await repository.outlook(terms(limit=1))
        assert (outlook.ready, outlook.saturated) == (True, False)

    async def test_a_full_limit_without_work_is_not_saturated(self, repository: Store) -> None:
        await enqueue(repository, None)
        await claim(repository, worker(), limit=1)

        assert not (await repository.outlook(terms(limit=1))).saturated

    async def test_more_picked_jobs_than_our_limit_betray_another_limit(
        self, repository: Store
    ) -> None:
        await enqueue(repository, *[None] * 3)
        await claim(repository, worker(), 3, limit=3)

        assert (await repository.outlook(terms(limit=2))).other_limits == (WORK,)
        assert (await repository.outlook(terms(limit=3))).other_limits == ()
        assert (await repository.outlook(terms())).other_limits == ()

    async def test_a_suspect_is_not_ready_for_a_usual_claim(self, repository: Store) -> None:
        await make_suspect(repository)

        assert not (await repository.outlook(terms())).ready

    async def test_probes_see_queued_due_and_deferred_jobs(self, repository: Store) -> None:
        assert await repository.queued_work([WORK, OTHER]) == 0
        await repository.enqueue(OTHER, None, execute_after=HOUR)
        assert await repository.queued_work([WORK]) == 0
        assert await repository.queued_work([WORK, OTHER]) > 0
        assert await repository.eligible_queued_work([WORK, OTHER]) == 0
        assert await repository.next_deferred_eta([WORK]) is None
        eta = await repository.next_deferred_eta([WORK, OTHER])
        assert eta is not None
        assert HOUR / 2 < eta <= HOUR
        await enqueue_one(repository)
        assert await repository.eligible_queued_work([WORK]) > 0
        await claim_one(repository, worker())
        assert await repository.queued_work([WORK]) == 0
        assert await repository.eligible_queued_work([WORK, OTHER]) == 0
