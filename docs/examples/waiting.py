"""The code of the guide to waiting for jobs."""

import asyncio
from collections import Counter
from datetime import timedelta

from pgqueuer import Queries
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.types import JobId


async def wait_for_a_batch(queries: Queries, names: list[str]) -> Counter[str]:
    ids = await queries.enqueue(["resize"] * len(names), [name.encode() for name in names])
    async with CompletionWatcher(queries.driver, queries=queries) as watcher:
        waiters = [watcher.wait_for(job_id) for job_id in ids]
    return Counter(waiter.result() for waiter in waiters)


async def report_as_they_end(watcher: CompletionWatcher, ids: list[JobId]) -> None:
    async def report(job_id: JobId) -> None:
        print(f"{job_id}: {await watcher.wait_for(job_id)}")

    async with asyncio.TaskGroup() as group:
        for job_id in ids:
            group.create_task(report(job_id))


async def long_poll(watcher: CompletionWatcher, job_id: JobId, patience: timedelta) -> str | None:
    try:
        async with asyncio.timeout(patience.total_seconds()):
            return await watcher.wait_for(job_id)
    except TimeoutError:
        return None  # the browser asks again
