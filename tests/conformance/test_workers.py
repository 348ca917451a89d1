"""A worker does the same over every bundled driver, and without a database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import psycopg
import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries, Job, PgQueuer, RetryRequested, Snooze
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver
from pgqueuer.executors import EntrypointExecutor
from pgqueuer.models import Context
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import listening, seconds, until, working

DRAIN = QueueExecutionMode.drain
LONG = seconds(600)


@pytest.fixture(params=["asyncpg", "pool", "psycopg", "memory"])
async def pgq(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[PgQueuer]:
    match request.param:
        case "asyncpg":
            connection = await asyncpg.connect(queue_dsn)
            yield PgQueuer(AsyncpgDriver(connection))
            await connection.close()
        case "pool":
            async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
                yield PgQueuer(AsyncpgPoolDriver(pool))
        case "psycopg":
            async with await psycopg.AsyncConnection.connect(queue_dsn, autocommit=True) as other:
                yield PgQueuer(PsycopgDriver(other))
        case "memory":
            driver = InMemoryDriver()
            yield PgQueuer(driver, queries=InMemoryQueries(driver))


async def statuses(pgq: PgQueuer) -> Counter[str]:
    return Counter(row.status for row in await pgq.qm.queries.queue_log())


async def test_drain_runs_each_job_once_and_returns(pgq):
    seen = Counter[bytes]()

    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        seen[job.payload] += 1

    payloads = [b"%d" % number for number in range(700)]
    await pgq.qm.queries.enqueue(["job"] * 700, payloads)
    await pgq.run(mode=DRAIN)
    assert seen == Counter(payloads)
    assert await pgq.qm.queries.queue_size() == []
    assert await statuses(pgq) == {"queued": 700, "picked": 700, "successful": 700}


async def test_an_idle_worker_wakes_for_inserts_deferred_jobs_and_requeued_ones(pgq):
    ran: list[bytes] = []

    @pgq.entrypoint("job", on_failure="hold")
    async def job(job: Job) -> None:
        ran.append(job.payload)
        if ran.count(b"held") == 1 and job.payload == b"held":
            raise ValueError

    queries = pgq.qm.queries
    async with working(pgq, dequeue_timeout=LONG):
        await listening(pgq.qm)
        await queries.enqueue("job", b"now")
        await until(lambda: ran == [b"now"])
        await queries.enqueue("job", b"later", execute_after=timedelta(seconds=0.3))
        await until(lambda: ran == [b"now", b"later"])
        (held,) = await queries.enqueue("job", b"held")
        await until(lambda: _held(pgq))
        await queries.requeue_jobs([held])
        await until(lambda: len(ran) == 4)
    assert ran[2:] == [b"held", b"held"]


async def _held(pgq: PgQueuer) -> bool:
    return bool(await pgq.qm.queries.list_failed_jobs())


async def test_retries_count_attempts(pgq):
    attempts = []

    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        attempts.append(job.attempts)
        if job.attempts < 2:
            raise RetryRequested(delay=timedelta(milliseconds=20))

    await pgq.qm.queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert attempts == [0, 1, 2]


async def test_a_snooze_counts_no_attempt_and_is_logged_with_its_reason(pgq):
    runs = []

    @pgq.entrypoint("job", executor="database-retry", executor_options={"max_attempts": 0})
    async def job(job: Job) -> None:
        runs.append(job.attempts)
        if len(runs) < 3:
            raise Snooze(timedelta(milliseconds=20), reason="too early")

    await pgq.qm.queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert runs == [0, 0, 0]
    log = await pgq.qm.queries.queue_log()
    assert [row.status for row in log] == ["queued", "picked"] * 3 + ["successful"]
    records = [row.traceback for row in log if row.traceback]
    assert [record.exception_type for record in records] == ["Snooze"] * 2
    assert {(r.additional_context["attempt"], r.additional_context["reason"]) for r in records} == {
        (0, "too early")
    }


async def test_an_executor_that_turns_exceptions_into_failures_lets_a_snooze_pass(pgq):
    """As executors of 1.x are written: they know RetryRequested only."""
    runs = []

    class Alarmed(EntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            try:
                await super().execute(job, context)
            except RetryRequested:
                raise
            except Exception as error:
                raise RuntimeError("alarm") from error

    @pgq.entrypoint("job", executor_factory=Alarmed)
    async def job(job: Job) -> None:
        runs.append(job.attempts)
        if len(runs) < 2:
            raise Snooze(timedelta(0))

    await pgq.qm.queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert runs == [0, 0]


@pytest.mark.parametrize("delay", [timedelta.max, timedelta.min, 5], ids=["max", "min", "number"])
async def test_a_delay_that_can_not_be_waited_for_is_a_failure(pgq, delay):
    @pgq.entrypoint("job", on_failure="hold")
    async def job(job: Job) -> None:
        raise RetryRequested(delay)

    @pgq.entrypoint("beside")
    async def beside(job: Job) -> None: ...

    await pgq.qm.queries.enqueue(["job", "beside"], [None, None])
    await pgq.run(mode=DRAIN)
    log = await pgq.qm.queries.queue_log()
    assert [row.status for row in log if row.entrypoint == "beside"][-1] == "successful"
    (record,) = [row.traceback for row in log if row.status == "failed"]
    assert "before the year 10000" in record.exception_message


async def test_a_limit_holds_within_the_worker(pgq):
    running, most = 0, 0

    @pgq.entrypoint("job", concurrency_limit=2)
    async def job(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    await pgq.qm.queries.enqueue(["job"] * 30, [None] * 30)
    await pgq.run(mode=DRAIN)
    assert most == 2


async def test_cancellation_reaches_the_handler(pgq):
    ended = asyncio.Event()

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        with context.cancellation:
            await asyncio.sleep(60)
        ended.set()

    (job_id,) = await pgq.qm.queries.enqueue("job", None)
    async with working(pgq):
        await listening(pgq.qm)
        await until(lambda: job_id in pgq.qm.job_context)
        await pgq.qm.queries.mark_job_as_cancelled([job_id])
        await until(ended.is_set)
    assert await statuses(pgq) == {"queued": 1, "picked": 1, "canceled": 1}


async def test_a_canceled_run_puts_jobs_back(pgq):
    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        await asyncio.sleep(60)

    await pgq.qm.queries.enqueue(["job"] * 3, [None] * 3)
    task = asyncio.create_task(pgq.run())
    await until(lambda: len(pgq.qm.job_context) == 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    sizes = {row.status: row.count for row in await pgq.qm.queries.queue_size()}
    assert sizes == {"queued": 3}


async def test_running_twice_listens_once(pgq):
    """A second run over the same driver hears each notification once."""
    ran = []

    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        ran.append(job.id)

    for turn in range(2):
        pgq.shutdown.clear()
        async with working(pgq, dequeue_timeout=LONG):
            await listening(pgq.qm)
            await pgq.qm.queries.enqueue("job", None)
            await until(lambda turn=turn: len(ran) == turn + 1)
    heard = []
    async with pgq.connection as driver:
        await driver.add_listener(pgq.channel, heard.append)
        await pgq.qm.queries.notify_work()
        await until(lambda: len(heard) == 1)
