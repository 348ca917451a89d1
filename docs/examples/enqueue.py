"""The code of the guide to enqueueing; each function shows one thing."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

from pgqueuer import Queries, connect
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.errors import DuplicateJobError
from pgqueuer.queries import NewJob
from pgqueuer.types import JobId


async def one_job() -> JobId:
    async with connect() as driver:
        queries = Queries(driver)
        [job_id] = await queries.enqueue("resize", b"cat.png")
    return job_id


async def json_payload(queries: Queries) -> list[JobId]:
    order = {"item": "bicycle", "count": 2}
    return await queries.enqueue("ship", json.dumps(order).encode())


async def many_jobs(queries: Queries) -> list[JobId]:
    return await queries.enqueue(
        ["resize", "resize", "resize"],
        [b"cat.png", b"dog.png", b"owl.png"],
        priority=[0, 10, 0],
    )


async def later(queries: Queries) -> list[JobId]:
    return await queries.enqueue("remind", b"standup", execute_after=timedelta(minutes=15))


async def once_at_a_time(queries: Queries) -> str:
    await queries.enqueue("sync", b"customer 7", dedupe_key="sync:7")
    try:
        await queries.enqueue("sync", b"customer 7", dedupe_key="sync:7")
    except DuplicateJobError as error:
        return f"already queued: {error.dedupe_key}"
    return "queued twice"


async def skip_duplicates(queries: Queries) -> list[JobId | None]:
    return await queries.enqueue(
        ["sync", "sync"],
        [b"customer 7", b"customer 8"],
        dedupe_key=["sync:7", "sync:8"],
        on_conflict="skip",
    )


async def hurry(queries: Queries) -> list[JobId]:
    return await queries.enqueue(
        "sync", b"customer 7", priority=50, dedupe_key="sync:7", on_conflict="update_priority"
    )


async def a_million(queries: Queries, count: int = 1_000_000) -> int:
    async def jobs() -> AsyncIterator[NewJob]:
        for number in range(count):
            yield NewJob(entrypoint="resize", payload=f"{number}.png".encode())

    return await queries.enqueue_many(jobs(), on_progress=lambda done: print(f"{done:,} jobs"))


async def wait_for_the_end(queries: Queries) -> str:
    [job_id] = await queries.enqueue("resize", b"cat.png")
    async with CompletionWatcher(queries.driver, queries=queries) as watcher:
        async with asyncio.timeout(60):
            status = await watcher.wait_for(job_id)
    return status


async def cancel(queries: Queries, ids: list[JobId]) -> None:
    await queries.mark_job_as_cancelled(ids)
