"""Every bundled store passes the published kit, and agrees on what the kit leaves open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.persistence.bulk import NewJob
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.domain.models import CronExpressionEntrypoint, utc_now
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.driver import Driver
from pgqueuer.testing.repository import RepositoryConformance

HOUR = timedelta(hours=1)
WORK = QueueEntrypoint("work")
TICK = CronExpressionEntrypoint("tick", "* * * * *")
ME = QueueManagerId(UUID("6f0f6f0e-5f6a-4f0b-9f55-6d6f3f1e0c11"))


async def claim(store, batch_size: int = 10):
    request = ClaimRequest(owner=ME, batch_size=batch_size, entrypoints={WORK: EntrypointTerms()})
    return await store.claim(request)


class Bundled(RepositoryConformance):
    async def test_operators_learn_how_many_jobs_were_there(self, repository):
        ids = await repository.enqueue([WORK] * 3, [None] * 3)
        jobs = await claim(repository, 2)
        await repository.log_jobs([(job, "failed", None) for job in jobs])

        assert await repository.requeue_failed([*ids, ids[-1] + 1000]) == 2
        assert await repository.requeue_failed(ids) == 0
        assert await repository.cancel_jobs([ids[0], ids[-1] + 1000]) == 1
        assert await repository.cancel_jobs([]) == 0

    async def test_a_stream_of_jobs_is_enqueued_in_chunks(self, repository):
        progress = []
        jobs = (NewJob(WORK, b"%d" % n, n, headers={"n": n}) for n in range(25))

        assert await repository.enqueue_many(jobs, chunk_size=10, on_progress=progress.append) == 25

        assert progress == [10, 20, 25]
        claimed = await claim(repository, 100)
        assert [(job.priority, job.payload, job.headers) for job in claimed] == [
            (n, b"%d" % n, {"n": n}) for n in reversed(range(25))
        ]
        log = [entry.status for entry in await repository.queue_log()]
        assert log == ["queued"] * 25 + ["picked"] * 25

    async def test_a_bad_row_of_a_stream_keeps_its_chunk_out(self, repository):
        jobs = [NewJob(WORK), NewJob(WORK), NewJob(WORK), NewJob("")]

        with pytest.raises(ValueError, match="entrypoint"):
            await repository.enqueue_many(jobs, chunk_size=2)

        (size,) = await repository.queue_size()
        assert size.count == 2

    async def test_the_bad_row_of_a_stream_is_named(self, repository):
        jobs = [NewJob(WORK) for _ in range(7)]
        jobs[5] = NewJob(WORK, priority=2**31)

        with pytest.raises(ValueError, match="job 6 of the stream: priority"):
            await repository.enqueue_many(jobs, chunk_size=4)

        (size,) = await repository.queue_size()
        assert size.count == 4

    async def test_a_stream_may_read_by_the_connection_that_it_is_written_by(self, repository):
        async def jobs():
            for _ in range(5):
                (size,) = await repository.queue_size() or [None]
                yield NewJob(WORK, b"%d" % (size.count if size else 0))

        assert await repository.enqueue_many(jobs(), chunk_size=2) == 5

        found = sorted(job.payload for job in await claim(repository))
        assert found == [b"0", b"0", b"2", b"2", b"4"]

    async def test_deferred_jobs_of_a_stream_wait(self, repository):
        await repository.enqueue_many([NewJob(WORK, execute_after=HOUR), NewJob(WORK, b"due")])

        assert [job.payload for job in await claim(repository)] == [b"due"]

    async def test_a_channel_can_be_given_afterwards(self, repository):
        heard = []
        repository.use_channel("another_channel")
        async with repository.driver:
            await repository.driver.add_listener("another_channel", heard.append)
            await repository.notify_work()
            await _until(repository, heard)

        assert repository.qbe.settings.channel == "another_channel"

    async def test_a_schedule_whose_worker_died_is_picked_for_the_tick_that_is_due(
        self, repository
    ):
        await repository.insert_schedule({TICK: timedelta(0)})
        (lost,) = await repository.fetch_schedule({TICK: timedelta(0)})
        assert await repository.fetch_schedule({TICK: HOUR}) == []

        (again,) = await repository.fetch_schedule({TICK: HOUR}, stale_after=timedelta(0))

        assert again.id == lost.id
        assert again.next_run > utc_now() + HOUR / 2
        assert await repository.fetch_schedule({TICK: HOUR}, stale_after=timedelta(0)) == []

    async def test_a_delay_that_leads_back_to_the_tick_that_is_due_picks_nothing(self, repository):
        await repository.insert_schedule({TICK: timedelta(0)})

        assert await repository.fetch_schedule({TICK: timedelta(microseconds=1)}) == []
        assert len(await repository.fetch_schedule({TICK: HOUR})) == 1

    async def test_an_order_that_is_none_is_refused(self, repository):
        with pytest.raises(ValueError, match="order"):
            await repository.list_failed_jobs(order="created; --")

    async def test_transitions_of_entrypoints_can_be_forgotten(self, repository):
        ids = await repository.enqueue([WORK, "other", "third"], [None] * 3)

        await repository.clear_queue_log(WORK)
        await repository.clear_queue_log(["other"])
        assert [entry.job_id for entry in await repository.queue_log()] == ids[2:]
        assert [row.job_id for row in await repository.job_status(ids)] == ids[2:]
        await repository.clear_queue_log()

        assert await repository.queue_log() == []
        assert await repository.log_statistics(None) == []


async def _until(repository, heard: list[object]) -> None:
    """Notifications come in order, so that a health check comes last."""
    listened = len(heard)
    await repository.notify_health_check(ME)
    while not any(str(ME) in str(message) for message in heard[listened:]):
        await repository.queued_work([WORK])
    assert len(heard) > listened


class TestInMemory(Bundled):
    @pytest.fixture
    async def repository(self):
        return InMemoryQueries(InMemoryDriver())


class Postgres(Bundled):
    can_spoil_headers = True

    async def connect(self, stack: AsyncExitStack, dsn: str) -> Driver:
        raise NotImplementedError

    @pytest.fixture
    async def repository(self, queue_dsn: str) -> AsyncIterator[Queries]:
        async with AsyncExitStack() as stack:
            yield Queries(await self.connect(stack, queue_dsn))

    @pytest.fixture
    async def peers(self, queue_dsn: str) -> AsyncIterator[list[Queries]]:
        async with AsyncExitStack() as stack:
            yield [Queries(await self.connect(stack, queue_dsn)) for _ in range(4)]

    async def spoil_headers(self, repository: Queries, job_id: JobId) -> None:
        await repository.driver.execute("UPDATE pgqueuer SET headers = '[1]' WHERE id = $1", job_id)


class TestAsyncpgConnection(Postgres):
    async def connect(self, stack: AsyncExitStack, dsn: str) -> Driver:
        import asyncpg

        from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

        connection = await asyncpg.connect(dsn)
        stack.push_async_callback(connection.close)
        return AsyncpgDriver(connection)


class TestAsyncpgPool(Postgres):
    async def connect(self, stack: AsyncExitStack, dsn: str) -> Driver:
        import asyncpg

        from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver

        pool = asyncpg.create_pool(dsn, min_size=2, max_size=4)
        return AsyncpgPoolDriver(await stack.enter_async_context(pool))


class TestPsycopg(Postgres):
    async def connect(self, stack: AsyncExitStack, dsn: str) -> Driver:
        import psycopg

        from pgqueuer.adapters.drivers.psycopg import PsycopgDriver

        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        return PsycopgDriver(await stack.enter_async_context(connection))
