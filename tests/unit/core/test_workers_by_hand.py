"""The parts of a queue manager for loops around `fetch_jobs`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries, QueueManager
from pgqueuer.core.buffers import JobStatusLogBuffer
from pgqueuer.models import Context, Job, JobId


@pytest.mark.parametrize(("on_failure", "status"), [("delete", "exception"), ("hold", "failed")])
async def test_a_failure_ends_the_job_as_its_entrypoint_says(on_failure, status):
    manager = QueueManager(InMemoryQueries(InMemoryDriver()))

    @manager.entrypoint("x", on_failure=on_failure)
    async def x(job: Job) -> None: ...

    (job_id,) = await manager.queries.enqueue("x", None)
    (job,) = [job async for job in manager.fetch_jobs(1, None, timedelta(seconds=30))]
    async with JobStatusLogBuffer(10, manager.queries) as buffer:
        await manager.log_failure(job, manager.entrypoint_registry["x"], OSError("no"), buffer)
    last = (await manager.queries.queue_log())[-1]
    assert (last.job_id, last.status) == (job_id, status)
    assert last.traceback is not None
    assert (last.traceback.exception_type, last.traceback.exception_message) == ("OSError", "no")
    assert last.traceback.additional_context == {"entrypoint": "x"}


async def test_a_context_is_forgotten_when_its_task_is_done_unless_another_took_its_place():
    manager = QueueManager(InMemoryQueries(InMemoryDriver()))
    first, second = Context(), Context()
    task = asyncio.create_task(asyncio.sleep(0))
    manager.job_context[JobId(1)] = first
    manager.forget_job(JobId(1), first, task)
    assert manager.get_context(JobId(1)) is first
    await task
    manager.job_context[JobId(1)] = second
    manager.forget_job(JobId(1), first, task)
    assert manager.get_context(JobId(1)) is second
    manager.forget_job(JobId(1), second, task)
    with pytest.raises(KeyError):
        manager.get_context(JobId(1))
