from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter

import pytest

from pgqueuer import Job, PgQueuer, Queries, QueueManager
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import listening, seconds, until, working

DRAIN = QueueExecutionMode.drain


@pytest.mark.parametrize("limit", [1, 3, 10])
async def test_the_fleet_never_holds_more_than_the_limit(connect, queries, limit):
    """Eight connections claim and settle as fast as they can; each looks at what is picked."""
    terms = {"job": EntrypointTerms(concurrency_limit=limit)}
    await queries.enqueue(["job"] * 300, [None] * 300)
    left, most = 300, 0

    async def claimer(own: Queries) -> None:
        nonlocal left, most
        owner = uuid.uuid4()
        while left:
            jobs = await own.claim(ClaimRequest(owner=owner, batch_size=4, entrypoints=terms))
            if not jobs:
                await asyncio.sleep(0)
                continue
            rows = await own.driver.fetch(
                "SELECT count(*) AS n FROM pgqueuer WHERE status = 'picked'"
            )
            most = max(most, rows[0]["n"])
            assert await own.settle([Settlement(job.id, owner, "successful") for job in jobs]) == []
            left -= len(jobs)

    connections = [await connect() for _ in range(8)]
    async with asyncio.timeout(60):
        await asyncio.gather(*map(claimer, connections))
    assert 1 <= most <= limit
    assert await queries.queue_size() == []


async def test_an_entrypoint_without_a_limit_is_claimed_beside_a_saturated_one(connect, queries):
    await queries.enqueue(["tight"] * 5 + ["free"] * 5, [None] * 10, [9] * 5 + [0] * 5)
    terms = {
        "tight": EntrypointTerms(concurrency_limit=2),
        "free": EntrypointTerms(),
    }
    request = ClaimRequest(owner=uuid.uuid4(), batch_size=6, entrypoints=terms)
    first = await queries.claim(request)
    assert Counter(job.entrypoint for job in first) == {"tight": 2, "free": 4}
    assert sorted(job.slot for job in first if job.entrypoint == "tight") == [0, 1]
    assert {job.slot for job in first if job.entrypoint == "free"} == {None}
    second = await queries.claim(request)
    assert [job.entrypoint for job in second] == ["free"]


async def test_a_seat_ends_with_the_claim(connect, queries):
    terms = {"job": EntrypointTerms(concurrency_limit=1)}
    owner = uuid.uuid4()
    await queries.enqueue(["job"] * 4, [None] * 4)

    async def claim() -> Job:
        (job,) = await queries.claim(ClaimRequest(owner=owner, batch_size=4, entrypoints=terms))
        return job

    for ending in ("queued", "failed", "successful"):
        job = await claim()
        await queries.settle([Settlement(job.id, owner, ending, delay=seconds(60))])
        row = await queries.queue_job_by_id(job.id)
        assert row is None or row.slot is None
    last = await claim()
    await queries.driver.execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 day'")
    await queries.reap(None, terms, seconds(60))
    assert (await claim()).id == last.id


async def test_rows_picked_before_the_limit_was_declared_count(connect, queries):
    await queries.enqueue(["job"] * 5, [None] * 5)
    owner = uuid.uuid4()
    unlimited = {"job": EntrypointTerms()}
    assert (
        len(await queries.claim(ClaimRequest(owner=owner, batch_size=2, entrypoints=unlimited)))
        == 2
    )
    limited = {"job": EntrypointTerms(concurrency_limit=3)}
    assert (
        len(await queries.claim(ClaimRequest(owner=owner, batch_size=5, entrypoints=limited))) == 1
    )


async def test_a_freed_seat_is_taken_long_before_the_dequeue_timeout(connect, queries):
    """The worker that frees the seat shuts down; another, idle one has to notice."""
    leaving, staying = QueueManager(await connect()), QueueManager(await connect())
    go_on, ran = asyncio.Event(), []

    for manager in (leaving, staying):

        @manager.entrypoint("job", concurrency_limit=1)
        async def job(job: Job) -> None:
            ran.append(job.id)
            await go_on.wait()

    ids = await queries.enqueue(["job"] * 2, [None] * 2)
    async with working(leaving, dequeue_timeout=seconds(600)):
        await until(lambda: len(ran) == 1)
        async with working(staying, dequeue_timeout=seconds(600)):
            leaving.shutdown.set()
            go_on.set()
            await until(lambda: len(ran) == 2)
    assert ran == ids


async def test_a_worker_runs_no_more_at_once_than_it_may(connect, queries):
    manager = QueueManager(await connect())
    most = 0

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        nonlocal most
        most = max(most, len(manager.job_context))
        await asyncio.sleep(0.001)

    await queries.enqueue(["job"] * 200, [None] * 200)
    await manager.run(mode=DRAIN, max_concurrent_tasks=7)
    assert most == 7


async def test_a_default_worker_does_not_swallow_the_backlog(connect, queries):
    manager = QueueManager(await connect())
    go_on = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        await go_on.wait()

    await queries.enqueue(["job"] * 1_500, [None] * 1_500)
    async with working(manager):
        await until(lambda: len(manager.job_context) == 1_000)
        sizes = {row.status: row.count for row in await queries.queue_size()}
        assert sizes == {"picked": 1_000, "queued": 500}
        go_on.set()
        await until(lambda: _is_empty(queries))


async def _is_empty(queries: Queries) -> bool:
    return await queries.queue_size() == []


async def test_a_batch_size_that_is_given_is_the_most_that_one_claim_takes(connect, queries):
    own = await connect()
    claim, sizes = own.claim, []

    async def watched(request: ClaimRequest) -> list[Job]:
        jobs = await claim(request)
        sizes.append(len(jobs))
        return jobs

    own.claim = watched
    pgq = PgQueuer(own.driver, queries=own)

    @pgq.entrypoint("job")
    async def job(job: Job) -> None: ...

    await queries.enqueue(["job"] * 100, [None] * 100)
    await pgq.run(mode=DRAIN, batch_size=7)
    assert sum(sizes) == 100
    assert max(sizes) == 7


async def test_workers_that_declare_different_limits_are_told_so_once(
    connect, queries, caplog: pytest.LogCaptureFixture
):
    await queries.enqueue(["job"] * 9, [None] * 9)
    generous = {"job": EntrypointTerms(concurrency_limit=5)}
    request = ClaimRequest(owner=uuid.uuid4(), batch_size=9, entrypoints=generous)
    assert len(await queries.claim(request)) == 5
    manager = QueueManager(await connect())

    @manager.entrypoint("job", concurrency_limit=2)
    async def job(job: Job) -> None: ...

    with caplog.at_level(logging.WARNING, logger="pgqueuer"):
        async with working(manager):
            await until(lambda: "declare the same limit" in caplog.text)
            await queries.notify_work()
            await listening(manager)
    assert caplog.text.count("declare the same limit") == 1


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"batch_size": 0}, "batch_size must be from 1 to 100,000"),
        ({"batch_size": 100_001}, "batch_size must be from 1 to 100,000"),
        ({"max_concurrent_tasks": -1}, "max_concurrent_tasks must be at least 0"),
        ({"heartbeat_timeout": seconds(0.09)}, r"heartbeat_timeout must be from 0\.1 to 604800"),
        ({"heartbeat_timeout": seconds(604_801)}, r"heartbeat_timeout must be from 0\.1 to 604800"),
        ({"dequeue_timeout": seconds(-1)}, "dequeue_timeout must be from 0 to 604800"),
        ({"log_aggregation_interval": seconds(-1)}, "log_aggregation_interval must be from 0"),
    ],
)
@pytest.mark.parametrize("manager", [QueueManager, lambda own: PgQueuer(own.driver)])
async def test_options_out_of_range_are_refused_with_the_range(queries, manager, options, word):
    with pytest.raises(ValueError, match=word):
        await manager(queries).run(**options)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"batch_size": 1.5}, "batch_size must be an int"),
        ({"max_concurrent_tasks": True}, "max_concurrent_tasks must be an int"),
        ({"heartbeat_timeout": 30}, "heartbeat_timeout must be a timedelta"),
        ({"mode": "drain"}, r"QueueExecutionMode\.drain"),
    ],
)
async def test_options_of_another_type_are_refused_with_what_is_wanted(queries, options, word):
    with pytest.raises(TypeError, match=word):
        await QueueManager(queries).run(**options)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        ((0, None, seconds(30)), "batch_size must be at least 1"),
        ((1, -1, seconds(30)), "global_concurrency_limit must be at least 0, or None"),
        ((1, None, seconds(-1)), "heartbeat_timeout must be from 0 to 604800"),
    ],
)
async def test_dequeue_refuses_what_is_out_of_range(queries, call, word):
    batch_size, most, heartbeat_timeout = call
    with pytest.raises(ValueError, match=word):
        await queries.dequeue(batch_size, {}, uuid.uuid4(), most, heartbeat_timeout)


async def test_fewer_tasks_than_two_batches_are_refused(queries):
    with pytest.raises(RuntimeError, match="at least twice the batch size"):
        await QueueManager(queries).run(batch_size=10, max_concurrent_tasks=19)
