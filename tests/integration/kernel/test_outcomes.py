from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from pgqueuer import Job, PgQueuer, Queries, RetryRequested
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import seconds, until, working

DRAIN = QueueExecutionMode.drain


async def statuses(queries: Queries) -> Counter[str]:
    return Counter(row.status for row in await queries.queue_log())


def application(queries: Queries) -> PgQueuer:
    return PgQueuer(queries.driver, queries=queries)


async def test_drain_runs_every_job_once_and_leaves_an_empty_queue(connect, queries):
    pgq = application(await connect())
    seen = Counter[bytes]()

    @pgq.entrypoint("count")
    async def count(job: Job) -> None:
        seen[job.payload or b""] += 1

    payloads = [b"%d" % n for n in range(1_500)]
    await queries.enqueue(["count"] * 1_500, payloads)
    await pgq.run(mode=DRAIN)

    assert seen == Counter(payloads)
    assert await queries.queue_size() == []
    assert await statuses(queries) == {"queued": 1_500, "picked": 1_500, "successful": 1_500}


async def test_jobs_run_by_priority_then_by_age(connect, queries):
    pgq = application(await connect())
    order = []

    @pgq.entrypoint("one_by_one", concurrency_limit=1)
    async def one_by_one(job: Job) -> None:
        order.append(job.payload)

    await queries.enqueue(["one_by_one"] * 4, [b"low", b"high", b"low2", b"high2"], [0, 9, 0, 9])
    await pgq.run(mode=DRAIN)
    assert order == [b"high", b"high2", b"low", b"low2"]


async def test_a_failed_job_is_logged_with_its_traceback_and_deleted(connect, queries):
    pgq = application(await connect())

    @pgq.entrypoint("broken")
    async def broken(job: Job) -> None:
        raise ValueError("no such thing")

    (job_id,) = await queries.enqueue("broken", None)
    await pgq.run(mode=DRAIN)

    assert await queries.queue_size() == []
    (row,) = [row for row in await queries.queue_log() if row.status == "exception"]
    assert row.job_id == job_id
    assert row.traceback is not None
    assert row.traceback.exception_type == "ValueError"
    assert row.traceback.exception_message == "no such thing"
    assert "in broken" in row.traceback.traceback


async def test_a_held_job_stays_until_it_is_requeued_and_wakes_an_idle_worker(connect, queries):
    pgq = application(await connect())
    runs = []

    @pgq.entrypoint("moody", on_failure="hold")
    async def moody(job: Job) -> None:
        runs.append(job.attempts)
        if len(runs) == 1:
            raise RuntimeError("not today")

    (job_id,) = await queries.enqueue("moody", None)
    async with working(pgq):
        await until(lambda: _is_held(queries))
        (held,) = await queries.list_failed_jobs()
        assert held.id == job_id
        assert held.queue_manager_id is None

        assert await queries.requeue_failed([job_id]) == 1
        await until(lambda: len(runs) == 2)
    assert runs == [0, 0]
    assert await queries.queue_size() == []


async def _is_held(queries: Queries) -> bool:
    return bool(await queries.list_failed_jobs())


async def test_a_retry_without_delay_runs_again_long_before_the_dequeue_timeout(connect, queries):
    pgq = application(await connect())
    attempts = []

    @pgq.entrypoint("again")
    async def again(job: Job) -> None:
        attempts.append(job.attempts)
        if job.attempts < 3:
            raise RetryRequested(delay=timedelta(0), reason="once more")

    await queries.enqueue("again", None)
    async with working(pgq, dequeue_timeout=seconds(600)):
        await until(lambda: len(attempts) == 4)
    assert attempts == [0, 1, 2, 3]
    retried = [row.traceback for row in await queries.queue_log() if row.traceback is not None]
    assert {record.additional_context["reason"] for record in retried} == {"once more"}
    assert {record.additional_context["attempt"] for record in retried} == {1, 2, 3}


async def test_a_group_of_retry_requests_is_a_retry(connect, queries):
    pgq = application(await connect())
    attempts = []

    @pgq.entrypoint("group")
    async def group(job: Job) -> None:
        attempts.append(job.attempts)
        if job.attempts == 0:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_ask_for_retry())
                tasks.create_task(_ask_for_retry())

    await queries.enqueue("group", None)
    await pgq.run(mode=DRAIN)
    assert attempts == [0, 1]


async def _ask_for_retry() -> None:
    raise RetryRequested(delay=timedelta(milliseconds=10))


async def test_the_retry_executor_runs_a_job_max_attempts_times_more(connect, queries):
    pgq = application(await connect())
    attempts = []

    @pgq.entrypoint(
        "flaky",
        on_failure="hold",
        executor_factory=lambda parameters: DatabaseRetryEntrypointExecutor(
            parameters=parameters, max_attempts=2, initial_delay=timedelta(milliseconds=5)
        ),
    )
    async def flaky(job: Job) -> None:
        attempts.append(job.attempts)
        raise OSError("still down")

    await queries.enqueue("flaky", None)
    await pgq.run(mode=DRAIN)
    assert attempts == [0, 1, 2]
    (held,) = await queries.list_failed_jobs()
    assert held.attempts == 2


async def test_a_traceback_that_postgresql_can_not_store_holds_back_nobody(connect, queries):
    pgq = application(await connect())

    @pgq.entrypoint("nul")
    async def nul(job: Job) -> None:
        if job.payload == b"bad":
            raise ValueError("a NUL \x00 and a surrogate \ud800")

    await queries.enqueue(["nul"] * 3, [b"good", b"bad", b"good"])
    await pgq.run(mode=DRAIN)
    assert await statuses(queries) == {
        "queued": 3,
        "picked": 3,
        "successful": 2,
        "exception": 1,
    }


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [Unshowable(), SystemExit(3), asyncio.CancelledError()])
async def test_whatever_a_handler_raises_is_an_outcome(connect, queries, error):
    pgq = application(await connect())

    @pgq.entrypoint("odd")
    async def odd(job: Job) -> None:
        raise error

    await queries.enqueue("odd", None)
    await pgq.run(mode=DRAIN)
    assert (await statuses(queries))["exception"] == 1
    assert await queries.queue_size() == []


async def test_a_row_that_can_not_be_read_is_parked_and_the_others_run(connect, queries):
    pgq = application(await connect())
    ran = []

    @pgq.entrypoint("read")
    async def read(job: Job) -> None:
        ran.append(job.id)

    ids = await queries.enqueue(["read"] * 5, [None] * 5)
    await queries.driver.execute(
        "UPDATE pgqueuer SET headers = '[1, 2]'::jsonb WHERE id = $1", ids[2]
    )
    await pgq.run(mode=DRAIN)

    assert sorted(ran) == [ids[0], ids[1], ids[3], ids[4]]
    (row,) = [row for row in await queries.queue_log() if row.status == "failed"]
    assert row.job_id == ids[2]
    assert row.traceback is not None
    assert "headers" in row.traceback.exception_message


async def test_a_deferred_job_waits_for_its_time_and_drain_waits_for_it(connect, queries):
    pgq = application(await connect())
    started = []

    @pgq.entrypoint("later")
    async def later(job: Job) -> None:
        started.append((job.payload, job.updated >= job.execute_after))

    await queries.enqueue(["later"] * 2, [b"second", b"first"], [0, 0], [seconds(0.4), None])
    await pgq.run(mode=DRAIN)
    assert started == [(b"first", True), (b"second", True)]
