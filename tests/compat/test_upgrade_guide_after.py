"""The "after" side of the upgrade guide from 0.x to 1.0: each way of doing things works."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from pgqueuer import PgQueuer
from pgqueuer.core.buffers import TimedOverflowBuffer
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.db import AsyncpgDriver
from pgqueuer.executors import (
    AbstractScheduleExecutor,
    DatabaseRetryEntrypointExecutor,
    EntrypointExecutor,
    EntrypointExecutorParameters,
)
from pgqueuer.factories import load_factory, validate_factory_result
from pgqueuer.models import Channel, Job, Schedule, ScheduleContext
from pgqueuer.ports.tracing import TRACER, set_tracing_class
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.sm import SchedulerManager
from pgqueuer.types import QueueExecutionMode

DRAIN = QueueExecutionMode.drain


@pytest.fixture
async def driver(queue_dsn):
    connection = await asyncpg.connect(queue_dsn)
    yield AsyncpgDriver(connection)
    await connection.close()


async def test_an_async_handler_runs_blocking_work_in_a_thread(driver):
    pgq = PgQueuer(driver)
    resized = []

    @pgq.entrypoint("resize_image")
    async def resize_image(job: Job) -> None:
        await asyncio.to_thread(resized.append, job.payload)

    await Queries(driver).enqueue("resize_image", b"image")
    await pgq.run(mode=DRAIN)
    assert resized == [b"image"]


async def test_a_factory_is_an_async_context_manager(queue_dsn):
    cleaned = []

    @asynccontextmanager
    async def factory():
        connection = await asyncpg.connect(queue_dsn)
        pgq = PgQueuer(AsyncpgDriver(connection))

        @pgq.entrypoint("my_job")
        async def process(job: Job) -> None: ...

        yield pgq
        await connection.close()
        cleaned.append(True)

    async with validate_factory_result(load_factory(factory)()) as pgq:
        assert isinstance(pgq, PgQueuer)
    assert cleaned == [True]


async def test_a_limit_of_one_and_one_heartbeat_timeout_for_all(driver):
    pgq = PgQueuer(driver)
    running, most = 0, 0

    @pgq.entrypoint("send_email", concurrency_limit=1)
    async def send_email(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    await Queries(driver).enqueue(["send_email"] * 10, [None] * 10, [0] * 10)
    await pgq.run(
        dequeue_timeout=timedelta(seconds=5),
        heartbeat_timeout=timedelta(seconds=60),
        mode=DRAIN,
    )
    assert most == 1


async def test_the_database_retry_executor_takes_its_parameters(driver):
    pgq = PgQueuer(driver)
    attempts = []

    @pgq.entrypoint(
        "my_task",
        executor_factory=lambda p: DatabaseRetryEntrypointExecutor(
            parameters=p,
            max_attempts=5,
            max_delay=timedelta(minutes=5),
            initial_delay=timedelta(milliseconds=1),
        ),
    )
    async def my_task(job: Job) -> None:
        attempts.append(job.attempts)
        if job.attempts < 2:
            raise ConnectionError

    await Queries(driver).enqueue("my_task", None)
    await pgq.run(mode=DRAIN)
    assert attempts == [0, 1, 2]


async def test_managers_take_queries_and_lead_to_the_driver(driver):
    queries = Queries(driver)
    assert QueueManager(queries).queries.driver is driver
    assert SchedulerManager(queries).queries.driver is driver
    async with CompletionWatcher(driver, queries=queries):
        pass
    assert isinstance(PgQueuer(driver).qm.queries, Queries)


async def test_a_driver_notifies(driver):
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with driver:
        await driver.add_listener("news", heard.put_nowait)
        await driver.notify("news", "hello")
        async with asyncio.timeout(10):
            assert await heard.get() == "hello"


async def test_the_tracer_of_the_process_is_set_in_ports():
    class Tracer:
        def trace_publish(self, entrypoints):
            yield from ({} for _ in entrypoints)

        @asynccontextmanager
        async def trace_process(self, job):
            yield

    tracer = Tracer()
    set_tracing_class(tracer)
    try:
        assert TRACER.tracer is tracer
    finally:
        set_tracing_class(None)


async def test_renamed_queries(driver):
    queries = Queries(driver)
    await queries.enqueue("x", None)
    assert [row.count for row in await queries.log_statistics(limit=10)] == [1]
    assert await queries.peek_schedule() == []


async def test_a_schedule_executor_gets_the_schedule_and_a_context(driver):
    ran: asyncio.Queue[object] = asyncio.Queue()

    class Custom(AbstractScheduleExecutor):
        async def execute(self, schedule: Schedule, context: ScheduleContext) -> None:
            ran.put_nowait((schedule.entrypoint, context.resources["name"]))

    pgq = PgQueuer(driver, resources={"name": "shared"})

    @pgq.schedule("tick", "* * * * * *", executor_factory=Custom)
    async def tick(schedule: Schedule) -> None: ...

    task = asyncio.create_task(pgq.run())
    async with asyncio.timeout(20):
        assert await ran.get() == ("tick", "shared")
    pgq.shutdown.set()
    await task


async def test_a_buffer_overrides_flush_items():
    class Kept(TimedOverflowBuffer[int]):
        def __init__(self) -> None:
            super().__init__(2)
            self.kept: list[int] = []

        async def flush_items(self, items: list[int]) -> None:
            self.kept += items

    async with Kept() as buffer:
        for number in range(5):
            await buffer.add(number)
    assert buffer.kept == [0, 1, 2, 3, 4]


def test_the_parameters_of_executors_are_few():
    async def func(job: Job) -> None: ...

    parameters = EntrypointExecutorParameters(concurrency_limit=0, func=func)
    assert EntrypointExecutor(parameters=parameters).parameters is parameters
    assert Channel("x") == "x"
