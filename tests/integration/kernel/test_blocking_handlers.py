from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from pgqueuer import Job, PgQueuer, Queries
from pgqueuer.models import Context
from pgqueuer.types import QueueExecutionMode
from tests.support import blocking_handlers
from tests.support.kernel import seconds, until, working

DRAIN = QueueExecutionMode.drain


@pytest.fixture
async def pgq(connect) -> PgQueuer:
    store = await connect()
    return PgQueuer(store.driver, queries=store)


async def outcomes(queries: Queries) -> Counter[str]:
    ends = {"successful", "exception", "canceled", "failed"}
    return Counter(row.status for row in await queries.queue_log() if row.status in ends)


async def traceback_of(queries: Queries, job_id: int):
    (row,) = [r for r in await queries.queue_log() if r.job_id == job_id and r.traceback]
    return row.traceback


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid_in(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() and file.read_text() else None


async def test_an_async_handler_that_takes_too_long_is_canceled_and_fails(pgq, queries):
    ended = []

    @pgq.entrypoint("slow", timeout=seconds(0.05))
    async def slow(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(job.id)

    (job_id,) = await queries.enqueue("slow", None)
    await pgq.run(mode=DRAIN)

    assert ended == [job_id]
    record = await traceback_of(queries, job_id)
    assert record.exception_type == "TimeoutError"
    assert record.exception_message == "The handler took longer than its timeout of 0:00:00.050000"
    assert await outcomes(queries) == {"exception": 1}


async def test_a_timeout_is_a_failure_that_the_executor_may_retry(pgq, queries):
    attempts = []

    @pgq.entrypoint(
        "slow_once",
        timeout=seconds(0.2),
        executor="database-retry",
        executor_options={"initial_delay": seconds(0)},
    )
    async def slow_once(job: Job) -> None:
        attempts.append(job.attempts)
        if job.attempts == 0:
            await asyncio.Event().wait()

    await queries.enqueue("slow_once", None)
    await pgq.run(mode=DRAIN)
    assert attempts == [0, 1]
    assert await outcomes(queries) == {"successful": 1}


async def test_a_timeout_error_of_the_handler_itself_keeps_its_message(pgq, queries):
    @pgq.entrypoint("own", timeout=seconds(60))
    async def own(job: Job) -> None:
        raise TimeoutError("the bank does not answer")

    (job_id,) = await queries.enqueue("own", None)
    await pgq.run(mode=DRAIN)
    record = await traceback_of(queries, job_id)
    assert record.exception_message == "the bank does not answer"


async def test_a_function_in_a_thread_gets_job_context_and_variables(pgq, queries):
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []
    pgq.resources["key"] = "value"

    @pgq.entrypoint("blocking", executor="thread")
    def blocking(job: Job, context: Context) -> None:
        seen.append(
            (job.payload, context.resources["key"], variable.get(), threading.current_thread().name)
        )

    await queries.enqueue("blocking", b"one")
    variable.set("of the worker")
    await pgq.run(mode=DRAIN)
    assert seen == [(b"one", "value", "of the worker", "pgqueuer-blocking_0")]
    assert await outcomes(queries) == {"successful": 1}


async def test_at_most_max_threads_functions_run_at_once(pgq, queries):
    together = threading.Barrier(3, timeout=10)
    lock, running, most = threading.Lock(), 0, 0

    @pgq.entrypoint("blocking", executor="thread", executor_options={"max_threads": 3})
    def blocking(job: Job) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1

    await queries.enqueue(["blocking"] * 9, [None] * 9)
    await pgq.run(mode=DRAIN)
    assert most == 3
    assert await outcomes(queries) == {"successful": 9}


async def test_a_blocking_function_is_retried_when_asked_for(pgq, queries):
    attempts = []

    @pgq.entrypoint(
        "moody",
        executor="thread",
        executor_options={"max_attempts": 2, "initial_delay": seconds(0)},
    )
    def moody(job: Job) -> None:
        attempts.append(job.attempts)
        if job.attempts < 2:
            raise ValueError("not today")

    await queries.enqueue("moody", None)
    await pgq.run(mode=DRAIN)
    assert attempts == [0, 1, 2]
    assert await outcomes(queries) == {"successful": 1}


async def test_a_thread_that_is_too_slow_fails_its_job_and_is_told_to_stop(pgq, queries):
    stopped = threading.Event()

    @pgq.entrypoint("slow", executor="thread", timeout=seconds(0.1))
    def slow(job: Job, context: Context) -> None:
        while not context.canceled:
            stopped.wait(0.01)
        stopped.set()

    (job_id,) = await queries.enqueue("slow", None)
    await pgq.run(mode=DRAIN)
    assert (await traceback_of(queries, job_id)).exception_type == "TimeoutError"
    assert await outcomes(queries) == {"exception": 1}
    assert await asyncio.to_thread(stopped.wait, 10)


async def test_a_function_in_a_process_runs_in_another_one_which_is_kept(pgq, queries, tmp_path):
    pgq.entrypoint("pid", executor="process-pool", executor_options={"max_processes": 1})(
        blocking_handlers.write_pid
    )
    files = [tmp_path / name for name in ("first", "second")]
    for file in files:
        await queries.enqueue("pid", str(file).encode())
    await pgq.run(mode=DRAIN)
    pids = {pid_in(file) for file in files}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert await outcomes(queries) == {"successful": 2}


@pytest.mark.parametrize(
    ("handler", "exception_type"), [("fail", "ValueError"), ("fail_oddly", "RuntimeError")]
)
async def test_an_error_in_another_process_comes_back_with_its_traceback(
    pgq, queries, handler, exception_type
):
    pgq.entrypoint("fail", executor="process-pool")(getattr(blocking_handlers, handler))
    (job_id,) = await queries.enqueue("fail", None)
    await pgq.run(mode=DRAIN)
    record = await traceback_of(queries, job_id)
    assert record.exception_type == exception_type
    assert record.exception_message.endswith("no such thing")
    assert f"in {handler}\n" in record.traceback


async def test_a_function_in_a_process_may_ask_for_a_retry(pgq, queries):
    pgq.entrypoint("ask", executor="process-pool")(blocking_handlers.ask_for_retry)
    await queries.enqueue("ask", None)
    await pgq.run(mode=DRAIN)
    assert await outcomes(queries) == {"successful": 1}


async def test_a_job_that_kills_its_process_fails_alone(pgq, queries):
    pgq.entrypoint("die", executor="process-pool", executor_options={"max_processes": 3})(
        blocking_handlers.die_of_bad_payload
    )
    payloads = [b"good", b"bad", b"good", b"good", b"good"]
    ids = await queries.enqueue(["die"] * 5, payloads)
    await pgq.run(mode=DRAIN)
    assert await outcomes(queries) == {"successful": 4, "exception": 1}
    assert (await traceback_of(queries, ids[1])).exception_type == "BrokenWorkerProcess"


@pytest.mark.parametrize("end", ["timeout", "cancellation"])
async def test_a_process_ends_with_its_job(pgq, queries, tmp_path, end):
    file: Path = tmp_path / "pid"
    timeout = seconds(2) if end == "timeout" else None
    pgq.entrypoint("hang", executor="process-pool", timeout=timeout)(
        blocking_handlers.write_pid_and_hang
    )
    (job_id,) = await queries.enqueue("hang", str(file).encode())
    async with working(pgq):
        await until(lambda: pid_in(file) is not None)
        pid = pid_in(file)
        assert pid is not None
        if end == "cancellation":
            await queries.mark_job_as_cancelled([job_id])
        await until(lambda: not is_alive(pid))

        async def ended() -> bool:
            return await outcomes(queries) == {"exception" if end == "timeout" else "canceled": 1}

        await until(ended)
