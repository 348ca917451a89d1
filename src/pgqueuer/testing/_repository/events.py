"""What is told on the channel: whatever may give a worker something to do, and little else."""

from __future__ import annotations

import json
from uuid import uuid4

from pgqueuer.domain.models import CancellationEvent, TableChangedEvent
from pgqueuer.domain.types import JOB_STATUS, HealthCheckId, JobId
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
    settle,
    terms,
    worker,
)


class EventTests(RepositoryKit):
    async def test_a_call_of_enqueue_is_told_once(self, repository: Store) -> None:
        async with listening(repository) as listener:
            await enqueue_one(repository)
            assert await listener.changes() == ["insert"]
            await enqueue(repository, *[None] * 100)
            assert await listener.changes() == ["insert"]

    async def test_a_change_names_channel_and_table(self, repository: Store) -> None:
        async with listening(repository) as listener:
            await enqueue_one(repository)
            (event,) = await listener.events()

        assert isinstance(event.root, TableChangedEvent)
        settings = repository.qbe.settings
        assert (event.root.channel, event.root.table) == (settings.channel, settings.queue_table)
        assert abs(event.root.latency) < HOUR

    async def test_a_change_has_the_keys_that_the_trigger_sends(self, repository: Store) -> None:
        heard: list[str | bytes | bytearray] = []
        me = worker()
        async with listening(repository) as listener:
            await repository.driver.add_listener(repository.qbe.settings.channel, heard.append)
            job_id = await enqueue_one(repository)
            await claim_one(repository, me)
            await settle(repository, me, "queued", job_id)
            await repository.clear_queue(WORK)
            await listener.events()

        changes = [json.loads(payload) for payload in heard]
        assert [set(change) for change in changes if "operation" in change] == [
            {"channel", "operation", "sent_at", "table", "type"}
        ] * 3

    async def test_claims_heartbeats_and_finished_jobs_are_not_told(
        self, repository: Store
    ) -> None:
        me = worker()
        ends: list[JOB_STATUS] = ["successful", "exception", "canceled", "failed"]
        ids = await enqueue(repository, *[None] * len(ends))
        async with listening(repository) as listener:
            await claim(repository, me)
            await repository.keep_leases(me, ids)
            await repository.reap(worker(), terms(), HOUR)
            await repository.outlook(terms())
            for job_id, status in zip(ids, ends, strict=True):
                await settle(repository, me, status, job_id)
            await repository.aggregate_logs()

            assert await listener.events() == []

    async def test_what_goes_back_to_the_queue_is_told_once(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, *[None] * 5)
        async with listening(repository) as listener:
            await claim(repository, me)
            await settle(repository, me, "queued", *ids)
            assert await listener.changes() == ["update"]
            await claim(repository, me)
            await expire(repository)
            assert await listener.changes() == ["update"]
            await claim(repository, me)
            assert await repository.recover_claims(me, []) == len(ids)
            assert await listener.changes() == ["update"]
            await claim(repository, me)
            await settle(repository, me, "failed", *ids)
            await repository.requeue_jobs(ids)
            assert await listener.changes() == ["update"]

    async def test_a_retry_is_told(self, repository: Store) -> None:
        async with listening(repository) as listener:
            await enqueue_one(repository)
            job = await claim_one(repository, worker())
            await listener.events()
            await repository.retry_job(job, HOUR, None)

            assert await listener.changes() == ["update"]

    async def test_what_changes_nothing_is_not_told(self, repository: Store) -> None:
        me = worker()
        await enqueue_one(repository)
        job = await claim_one(repository, me)
        async with listening(repository) as listener:
            await settle(repository, worker(), "queued", job.id)
            await repository.requeue_jobs([job.id])
            await repository.recover_claims(me, [job.id])
            await expire(repository, owner=me)
            await repository.clear_queue(OTHER)

            assert await listener.events() == []

    async def test_a_parked_job_is_not_told(self, repository: Store) -> None:
        await enqueue_one(repository)
        await claim_one(repository, worker())
        async with listening(repository) as listener:
            assert (await expire(repository, max_takeovers=0)).parked == 1

            assert await listener.events() == []

    async def test_a_cleared_queue_is_told(self, repository: Store) -> None:
        await repository.enqueue([WORK, OTHER], [None, None])
        async with listening(repository) as listener:
            await repository.clear_queue(WORK)
            assert await listener.changes() == ["delete"]
            await repository.clear_queue()
            assert await listener.changes() == ["truncate"]

    async def test_canceled_jobs_are_named_to_the_workers_that_run_them(
        self, repository: Store
    ) -> None:
        ids = await enqueue(repository, None, None)
        await claim(repository, worker(), 1)
        async with listening(repository) as listener:
            await repository.mark_job_as_cancelled(ids)
            events = [event.root for event in await listener.events()]

        canceled = [event for event in events if isinstance(event, CancellationEvent)]
        assert [sorted(event.ids) for event in canceled] == [ids]
        changed = [event for event in events if isinstance(event, TableChangedEvent)]
        assert [event.operation for event in changed] == ["delete"]

    async def test_a_cancellation_of_many_jobs_reaches_the_workers_whole(
        self, repository: Store
    ) -> None:
        ids = [JobId(2**62 + place) for place in range(2_000)]
        async with listening(repository) as listener:
            await repository.notify_job_cancellation(ids)
            events = [event.root for event in await listener.events()]

        heard = [
            job_id
            for event in events
            if isinstance(event, CancellationEvent)
            for job_id in event.ids
        ]
        assert sorted(heard) == ids

    async def test_a_health_check_comes_back(self, repository: Store) -> None:
        check = HealthCheckId(uuid4())
        async with listening(repository) as listener:
            await repository.notify_health_check(check)

            assert [getattr(event.root, "id", None) for event in await listener.events()] == [check]

    async def test_work_can_be_announced(self, repository: Store) -> None:
        async with listening(repository) as listener:
            await repository.notify_work()

            assert len(await listener.changes()) == 1

    async def test_the_same_callback_hears_an_event_once(self, repository: Store) -> None:
        heard: list[str | bytes | bytearray] = []
        hear = heard.append
        async with listening(repository) as listener:
            await repository.driver.add_listener(repository.qbe.settings.channel, hear)
            await repository.driver.add_listener(repository.qbe.settings.channel, hear)
            await enqueue_one(repository)
            await listener.events()

        assert sum("table_changed_event" in str(payload) for payload in heard) == 1

    async def test_nothing_is_heard_after_the_driver_was_left(self, repository: Store) -> None:
        heard: list[str | bytes | bytearray] = []
        async with repository.driver:
            await repository.driver.add_listener(repository.qbe.settings.channel, heard.append)
        heard.clear()
        async with listening(repository) as listener:
            await enqueue_one(repository)
            await listener.events()

        assert heard == []

    async def test_a_listener_that_raises_does_not_deafen_the_others(
        self, repository: Store
    ) -> None:
        def broken(payload: str | bytes | bytearray) -> None:
            raise RuntimeError("a listener failed")

        async with repository.driver:
            await repository.driver.add_listener(repository.qbe.settings.channel, broken)
            async with listening(repository) as listener:
                await enqueue_one(repository)
                assert await listener.changes() == ["insert"]
