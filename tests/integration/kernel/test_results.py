from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pgqueuer import Job, PgQueuer, QueueManager
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.domain.errors import UnwrittenOutcomesError
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import listening, seconds, until, working

DRAIN = QueueExecutionMode.drain


async def terminate_others(queries: Queries) -> None:
    await queries.driver.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def test_a_run_that_can_not_write_its_outcomes_says_which(connect, queries):
    manager = QueueManager(await connect())
    go_on = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        await go_on.wait()

    (job_id,) = await queries.enqueue("job", None)
    task = asyncio.create_task(manager.run())
    await until(lambda: job_id in manager.job_context)
    await terminate_others(queries)
    manager.shutdown.set()
    go_on.set()
    async with asyncio.timeout(30):
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcome, UnwrittenOutcomesError)
    assert outcome.job_ids == [job_id]
    assert str(job_id) in str(outcome)


async def test_a_pool_survives_the_loss_of_all_its_connections(queue_dsn, queries):
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
        go_on, ran = asyncio.Event(), []

        @manager.entrypoint("job")
        async def job(job: Job) -> None:
            await go_on.wait()
            ran.append(job.id)

        first = await queries.enqueue("job", None)
        async with working(manager):
            await until(lambda: len(manager.job_context) == 1)
            await terminate_others(queries)
            second = await queries.enqueue("job", None)
            go_on.set()
            await until(lambda: len(ran) == 2)
        assert ran == first + second
    statuses = [row.status for row in await queries.queue_log()]
    assert statuses.count("successful") == 2
    assert await queries.queue_size() == []


async def test_a_job_enqueued_while_nobody_listens_runs_long_before_the_dequeue_timeout(
    queue_dsn, queries, caplog: pytest.LogCaptureFixture
):
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
        ran = []

        @manager.entrypoint("job")
        async def job(job: Job) -> None:
            ran.append(job.id)

        with caplog.at_level(logging.INFO, logger="pgqueuer"):
            async with working(manager, dequeue_timeout=seconds(600)):
                await listening(manager)
                await terminate_others(queries)
                await until(lambda: "polling meanwhile" in caplog.text)
                ids = await queries.enqueue("job", None)
                await until(lambda: ran == ids)
                await until(lambda: "is back" in caplog.text)
                ids += await queries.enqueue("job", None)
                await until(lambda: ran == ids)


class Recorder:
    """A tracer that notes what it sees."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        for entrypoint in entrypoints:
            yield {"recorder": {"entrypoint": entrypoint}}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            self.seen.append((job.header_section("recorder"), type(error)))
            raise
        self.seen.append((job.header_section("recorder"), None))


async def test_a_tracer_sees_how_the_handler_ends(connect, queries):
    tracer = Recorder()
    queries.tracer = tracer
    manager = QueueManager(await connect(), tracer=tracer)

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        if job.payload == b"bad":
            raise KeyError("x")

    await queries.enqueue("job", b"good")
    await queries.enqueue("job", b"bad")
    await manager.run(mode=DRAIN, max_concurrent_tasks=1)
    headers = {"entrypoint": "job"}
    assert tracer.seen == [(headers, None), (headers, KeyError)]


class Faulty:
    def __init__(self, where: str) -> None:
        self.where = where

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        if self.where == "publish":
            raise ZeroDivisionError(self.where)
        yield from ({} for _ in entrypoints)

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncIterator[None]:
        if self.where == "entry":
            raise ZeroDivisionError(self.where)
        yield
        if self.where == "exit":
            raise ZeroDivisionError(self.where)


@pytest.mark.parametrize("where", ["publish", "entry", "exit"])
async def test_a_faulty_tracer_changes_no_outcome_and_is_logged_once(
    connect, queries, where, caplog: pytest.LogCaptureFixture
):
    queries.tracer = Faulty(where)
    manager = QueueManager(await connect(), tracer=Faulty(where))

    @manager.entrypoint("job")
    async def job(job: Job) -> None: ...

    with caplog.at_level(logging.ERROR, logger="pgqueuer"):
        for _ in range(3):
            await queries.enqueue("job", None)
        await manager.run(mode=DRAIN)
    statuses = [row.status for row in await queries.queue_log()]
    assert statuses.count("successful") == 3
    assert caplog.text.count(f"failed on {where}") == 1


async def test_running_again_needs_only_a_cleared_shutdown(connect, queries):
    own = await connect()
    pgq = PgQueuer(own.driver, queries=own)
    ran = []

    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        ran.append(job.id)

    for _ in range(2):
        await queries.enqueue("job", None)
        pgq.shutdown.clear()
        await pgq.run(mode=DRAIN)
    assert len(ran) == 2


async def test_statistics_count_each_transition_once(connect, queries):
    manager = QueueManager(await connect())

    @manager.entrypoint("job")
    async def job(job: Job) -> None: ...

    await queries.enqueue(["job"] * 40, [None] * 40)
    await manager.run(mode=DRAIN, log_aggregation_interval=seconds(1))
    await asyncio.gather(*(queries.aggregate_logs() for _ in range(4)))
    totals: dict[str, int] = {}
    for row in await queries.log_statistics(limit=None):
        totals[row.status] = totals.get(row.status, 0) + row.count
    assert totals == {"queued": 40, "picked": 40, "successful": 40}


async def test_a_missing_schema_is_said_with_the_command_to_run(dsn):
    connection = await asyncpg.connect(dsn)
    pgq = PgQueuer.from_asyncpg_connection(connection)
    with pytest.raises(RuntimeError, match="pgq install"):
        await pgq.run()
    await connection.close()
