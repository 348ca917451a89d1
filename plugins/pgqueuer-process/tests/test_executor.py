from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import handlers
import pytest

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.models import Context
from pgqueuer.plugins import installed_plugins
from pgqueuer.types import QueueExecutionMode
from pgqueuer_process import JobProcessDied, MemoryLimitExceeded
from pgqueuer_process.executor import LimitedProcessExecutor


def make(
    func: Callable[..., object] = handlers.run, **options: object
) -> AbstractEntrypointExecutor:
    parameters = EntrypointExecutorParameters(concurrency_limit=0, func=func)
    return LimitedProcessExecutor(parameters, **options)


def test_it_is_installed() -> None:
    assert installed_plugins().executor("process").load() is LimitedProcessExecutor


@pytest.fixture
async def job() -> Job:
    pgq = PgQueuer.in_memory()
    jobs: list[Job] = []

    @pgq.entrypoint("x")
    async def take(job: Job) -> None:
        jobs.append(job)

    await pgq.qm.queries.enqueue("x", None)
    await pgq.run(mode=QueueExecutionMode.drain)
    return jobs[0]


async def execute(executor: AbstractEntrypointExecutor, job: Job, text: str) -> None:
    await executor.execute(job.model_copy(update={"payload": text.encode()}), Context())


async def until_written(path: Path) -> str:
    async with asyncio.timeout(60):
        while not os.path.exists(path):  # noqa: ASYNC240 - it is quick
            await asyncio.sleep(0.01)
    with open(path) as file:  # noqa: ASYNC230
        return file.read()


async def until_gone(pid: int) -> None:
    """A process that ended counts as gone before someone has collected it."""
    async with asyncio.timeout(60):
        while is_running(pid):
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_process_that_is_not_the_worker_is_kept_for_the_next_job(job, tmp_path):
    pids = tmp_path / "pids"
    executor = make()
    await execute(executor, job, f"pid {pids}")
    await execute(executor, job, f"pid {pids}")

    first, second = pids.read_text().split()
    assert first == second != str(os.getpid())


async def test_a_process_is_replaced_after_its_share_of_jobs(job, tmp_path):
    pids = tmp_path / "pids"
    executor = make(jobs_per_process=2)
    for _ in range(3):
        await execute(executor, job, f"pid {pids}")

    first, second, third = pids.read_text().split()
    assert first == second != third
    assert not is_running(int(first))


@pytest.mark.parametrize(
    ("deed", "said", "code"),
    [
        ("kill", "killed by SIGKILL", -9),
        ("segfault", "killed by SIGSEGV", -11),
        ("_exit 3", "exit code 3", 3),
        ("exit 4", "exit code 4", 4),
        ("exit 0", "exit code 0", 0),
    ],
)
async def test_a_job_that_ends_its_process_fails_alone(job, tmp_path, deed, said, code):
    executor = make()
    with pytest.raises(JobProcessDied, match=said) as caught:
        await execute(executor, job, deed)

    assert caught.value.exit_code == code
    await execute(executor, job, f"pid {tmp_path / 'pids'}")
    assert (tmp_path / "pids").exists()


async def test_a_job_that_dies_does_not_disturb_one_beside_it(job, tmp_path):
    executor = make(max_processes=2)
    beside = asyncio.create_task(execute(executor, job, f"hang {tmp_path / 'pid'}"))
    await until_written(tmp_path / "pid")

    with pytest.raises(JobProcessDied):
        await execute(executor, job, "kill")

    assert not beside.done()
    beside.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beside


async def test_too_much_memory_fails_the_job_and_the_process_goes_on(job, tmp_path):
    pids = tmp_path / "pids"
    executor = make(memory_limit=512 * 2**20)
    await execute(executor, job, f"pid {pids}")
    with pytest.raises(MemoryLimitExceeded, match="memory_limit, 536870912 bytes"):
        await execute(executor, job, f"allocate {2**30}")
    await execute(executor, job, f"allocate {2**20}")
    await execute(executor, job, f"pid {pids}")

    first, second = pids.read_text().split()
    assert first == second


async def test_without_a_limit_memory_is_free(job):
    await execute(make(), job, f"allocate {2**28}")


async def test_what_the_function_raises_comes_back_with_its_traceback(job):
    with pytest.raises(ValueError, match="no such file") as caught:
        await execute(make(), job, "fail no such file")

    assert "in fail" in "".join(caught.value.__notes__)


async def test_an_error_that_can_not_be_sent_is_told_by_another(job):
    with pytest.raises(RuntimeError, match="Local: it is mine"):
        await execute(make(), job, "unportable")


async def test_printing_does_not_disturb(job):
    executor = make()
    await execute(executor, job, "print hello")
    await execute(executor, job, "print again")


async def test_a_job_that_takes_too_long_is_killed_with_what_it_started(job, tmp_path):
    executor = make(time_limit=timedelta(seconds=5))
    with pytest.raises(TimeoutError, match="time_limit of 0:00:05"):
        await execute(executor, job, f"hang {tmp_path / 'pids'}")

    for pid in (await until_written(tmp_path / "pids")).split():
        await until_gone(int(pid))
    await execute(executor, job, "print on")


async def test_the_wait_for_a_process_does_not_count_as_time_of_the_job(job, tmp_path):
    executor = make(max_processes=1, time_limit=timedelta(seconds=5))
    first = asyncio.create_task(execute(executor, job, f"hang {tmp_path / 'pids'}"))
    await until_written(tmp_path / "pids")
    second = asyncio.create_task(execute(executor, job, "print on"))

    with pytest.raises(TimeoutError):
        await first
    await second


async def test_cancellation_through_the_queue_kills_the_process(job, tmp_path):
    executor, context = make(), Context()
    payload = f"hang {tmp_path / 'pids'}".encode()
    running = asyncio.create_task(
        executor.execute(job.model_copy(update={"payload": payload}), context)
    )
    pids = (await until_written(tmp_path / "pids")).split()
    context.cancel()
    await running

    for pid in pids:
        await until_gone(int(pid))


async def test_a_failure_asks_for_a_retry_when_retries_are_wanted(job):
    with pytest.raises(RetryRequested):
        await execute(make(max_attempts=3), job, "kill")


def test_processes_end_with_the_event_loop(job, tmp_path):
    pids = tmp_path / "pids"
    asyncio.run(execute(make(), job, f"pid {pids}"))

    assert not is_running(int(pids.read_text()))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_processes", 0),
        ("memory_limit", 1000),
        ("memory_limit", "1G"),
        ("time_limit", 30),
        ("time_limit", timedelta(0)),
        ("jobs_per_process", 0),
        ("jitter", 2),
    ],
)
def test_an_option_that_can_not_work_is_refused_at_once(option, value):
    with pytest.raises(ValueError, match=option):
        make(**{option: value})


def test_an_unknown_option_is_refused_at_once():
    with pytest.raises(TypeError, match="memory"):
        make(memory=3)


def test_a_function_that_can_not_run_there_is_refused_at_once():
    def local(job: Job) -> None: ...

    def of_the_program(job: Job) -> None: ...

    of_the_program.__module__, of_the_program.__qualname__ = "__main__", "of_the_program"
    with pytest.raises(TypeError, match="top of a module"):
        make(local)
    with pytest.raises(TypeError, match="the program itself"):
        make(of_the_program)
    with pytest.raises(TypeError, match="is async"):
        make(handlers.asynchronous)
