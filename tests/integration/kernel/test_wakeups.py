from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from pgqueuer import Job, Queries, QueueManager
from pgqueuer.domain.lifecycle import ClaimRequest
from pgqueuer.errors import FailingListenerError
from tests.support.kernel import listening, seconds, until, working

LONG = seconds(600)


def counted(queries: Queries) -> list[int]:
    """Counts the claims of `queries` from now on."""
    claim, sizes = queries.claim, []

    async def watched(request: ClaimRequest) -> list[Job]:
        jobs = await claim(request)
        sizes.append(len(jobs))
        return jobs

    queries.claim = watched
    return sizes


async def test_an_insert_wakes_an_idle_worker(connect, queries):
    manager = QueueManager(await connect())
    ran = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        ran.set()

    async with working(manager, dequeue_timeout=LONG):
        await listening(manager)
        await queries.enqueue("job", None)
        await until(ran.is_set)


async def test_a_deferred_job_wakes_a_worker_that_rests(connect, queries):
    manager = QueueManager(await connect())
    ran = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        ran.set()

    async with working(manager, dequeue_timeout=LONG):
        await listening(manager)
        await queries.enqueue("job", None, execute_after=seconds(0.5))
        await until(ran.is_set)


async def test_one_job_costs_each_of_eight_idle_workers_one_claim(connect, queries):
    managers, claims, ran = [], [], []
    for _ in range(8):
        own = await connect()
        claims.append(counted(own))
        managers.append(QueueManager(own))

        @managers[-1].entrypoint("job")
        async def job(job: Job) -> None:
            ran.append(job.id)

    async with asyncio.TaskGroup() as group:
        for manager in managers:
            group.create_task(manager.run(dequeue_timeout=LONG))
        await until(lambda: all(claims))
        for manager in managers:
            await listening(manager)
        before = sum(map(len, claims))
        await queries.enqueue("job", None)
        await until(lambda: len(ran) == 1)
        await until(lambda: _is_empty(queries))
        for manager in managers:
            await listening(manager)
        after = sum(map(len, claims))
        for manager in managers:
            manager.shutdown.set()
    assert after - before <= 8


async def _is_empty(queries: Queries) -> bool:
    return await queries.queue_size() == []


async def test_settling_notifies_nobody(connect, queries, queue_dsn):
    manager = QueueManager(await connect())

    @manager.entrypoint("job")
    async def job(job: Job) -> None: ...

    await queries.enqueue(["job"] * 50, [None] * 50)
    heard = []
    listener = await asyncpg.connect(queue_dsn)
    await listener.add_listener("ch_pgqueuer", lambda *event: heard.append(event[-1]))
    async with working(manager):
        await until(lambda: _is_empty(queries))
        await listening(manager)
        await until(lambda: any("health_check" in payload for payload in heard))
    await listener.close(timeout=5)
    assert not [payload for payload in heard if "table_changed" in payload]


async def test_an_idle_worker_sends_few_statements(connect, queries):
    own = await connect()
    manager = QueueManager(own)
    sent = []
    fetch = own.driver.fetch

    async def watched(query: str, *args: object) -> list[dict[str, object]]:
        sent.append(query)
        return await fetch(query, *args)

    own.driver.fetch = watched

    @manager.entrypoint("job")
    async def job(job: Job) -> None: ...

    async with working(manager):
        await until(lambda: any("next_eligible" in query for query in sent))
        before = len(sent)
        await asyncio.sleep(3)
        assert len(sent) - before <= 1


async def test_a_worker_whose_listener_is_deaf_polls_and_says_so_once(
    connect, queries, caplog: pytest.LogCaptureFixture
):
    own = await connect()
    manager = QueueManager(own)
    ran = asyncio.Event()

    async def refuse(channel: str, callback: object) -> None:
        raise OSError("LISTEN is not supported here")

    own.driver.add_listener = refuse

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        ran.set()

    with caplog.at_level(logging.WARNING, logger="pgqueuer"):
        async with working(manager, dequeue_timeout=LONG):
            await until(lambda: "polling meanwhile" in caplog.text)
            await queries.enqueue("job", None)
            await until(ran.is_set)
    assert caplog.text.count("polling meanwhile") == 1


async def test_a_health_check_without_a_listener_fails_with_a_reason(queries):
    with pytest.raises(FailingListenerError, match="LISTEN"):
        await QueueManager(queries).listener_healthy(timeout=seconds(0.2))
