from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import asyncpg
import pytest

from pgqueuer import Job, Queries, QueueManager
from pgqueuer.core.worker import listener as worker_listener
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Outlook
from pgqueuer.errors import FailingListenerError
from pgqueuer.types import QueueEntrypoint, QueueExecutionMode
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


def watched_looks(queries: Queries) -> list[Outlook]:
    """What a worker was told by each look ahead, which it takes before it rests."""
    seen: list[Outlook] = []
    outlook = queries.outlook

    async def watched(terms: Mapping[QueueEntrypoint, EntrypointTerms]) -> Outlook:
        found = await outlook(terms)
        seen.append(found)
        return found

    queries.outlook = watched
    return seen


def watched_statements(queries: Queries) -> list[str]:
    """The statements that a worker sends."""
    sent: list[str] = []
    fetch = queries.driver.fetch

    async def watched(query: str, *args: object) -> list[dict[str, object]]:
        sent.append(query)
        return await fetch(query, *args)

    queries.driver.fetch = watched
    return sent


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
    managers, claims, looks, ran = [], [], [], []
    for _ in range(8):
        own = await connect()
        claims.append(counted(own))
        looks.append(watched_looks(own))
        managers.append(QueueManager(own))

        @managers[-1].entrypoint("job")
        async def job(job: Job) -> None:
            ran.append(job.id)

    async with asyncio.TaskGroup() as group:
        for manager in managers:
            group.create_task(manager.run(dequeue_timeout=LONG))
        for manager in managers:
            await listening(manager)
        # Each has found that there is nothing to do, and rests for long.
        await until(lambda: all(looks))
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
    looks, sent = watched_looks(own), watched_statements(own)

    @manager.entrypoint("job")
    async def job(job: Job) -> None: ...

    async with working(manager):
        await until(lambda: bool(looks))
        before = len(sent)
        await asyncio.sleep(3)
        assert len(sent) - before <= 1


async def test_a_full_worker_sends_few_statements(connect, queries):
    own = await connect()
    manager = QueueManager(own)
    sent, running, go_on = watched_statements(own), [], asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        running.append(job.id)
        await go_on.wait()

    await queries.enqueue(["job"] * 10, [None] * 10)
    async with working(manager, batch_size=1, max_concurrent_tasks=2):
        await until(lambda: len(running) == 2)
        before = len(sent)
        await asyncio.sleep(3)
        assert len(sent) - before <= 2
        go_on.set()


async def test_a_worker_without_a_free_seat_sends_less_than_one_statement_a_second(
    connect, queries
):
    holding, waiting = QueueManager(await connect()), QueueManager(own := await connect())
    looks, sent, go_on = watched_looks(own), watched_statements(own), asyncio.Event()
    for manager in (holding, waiting):

        @manager.entrypoint("job", concurrency_limit=1)
        async def job(job: Job) -> None:
            await go_on.wait()

    await queries.enqueue(["job"] * 10, [None] * 10)
    async with working(holding):
        await until(lambda: bool(holding.job_context))
        async with working(waiting):
            await until(lambda: any(look.saturated for look in looks))
            before = len(sent)
            await asyncio.sleep(6)
            assert len(sent) - before < 6
            go_on.set()


@pytest.mark.parametrize("batch_size", [None, 1, 50])
async def test_jobs_under_a_limit_of_one_follow_each_other_without_a_rest(
    connect, queries, batch_size
):
    own = await connect()
    manager = QueueManager(own)
    looks = watched_looks(own)

    @manager.entrypoint("job", concurrency_limit=1)
    async def job(job: Job) -> None: ...

    await queries.enqueue(["job"] * 200, [None] * 200)
    await manager.run(mode=QueueExecutionMode.drain, batch_size=batch_size)
    # A worker looks ahead before it rests; on a busy machine it may do so now and then.
    assert len(looks) < 20


async def _refuse(channel: str, callback: object) -> None:
    raise OSError("LISTEN is not supported here")


async def _never_hear(channel: str, callback: object) -> None: ...


@pytest.mark.parametrize("listen", [_refuse, _never_hear])
async def test_a_worker_whose_listener_is_deaf_polls_and_says_so_once(
    connect, queries, listen, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    # Only the first check can find out that nothing is heard.
    monkeypatch.setattr(worker_listener, "CHECK_TIMEOUT", seconds(0.2))
    monkeypatch.setattr(worker_listener, "CHECK_INTERVAL", 3600.0)
    own = await connect()
    own.driver.add_listener = listen
    manager = QueueManager(own)
    ran = asyncio.Event()

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
