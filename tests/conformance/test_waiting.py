"""Waiting for jobs is the same over every bundled store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.core.ends import FEW, IDS_PER_QUERY
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.domain.models import JobEnds, JobStatusRow
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.queries import Queries
from tests.support.kernel import until
from tests.support.open_queries import open_queries

WORK = QueueEntrypoint("work")
ME = QueueManagerId(uuid4())
MANY = 10_000


@pytest.fixture(params=["asyncpg", "pool", "psycopg", "memory"])
async def queries(
    request: pytest.FixtureRequest, queue_dsn: str
) -> AsyncIterator[Queries | InMemoryQueries]:
    if request.param == "memory":
        yield InMemoryQueries(InMemoryDriver())
        return
    async with open_queries(queue_dsn, request.param) as queries:
        yield queries


class Counted:
    """Queries that count what a watcher asks."""

    def __init__(self, queries: Queries | InMemoryQueries) -> None:
        self._queries = queries
        self.qbe = queries.qbe
        self.asked: list[int] = []
        self.followed = 0

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        self.asked.append(len(ids))
        return await self._queries.job_status(ids)

    async def job_ends(self, after: int | None = None) -> JobEnds:
        self.followed += 1
        return await self._queries.job_ends(after)


async def end(queries, count: int, status: JOB_STATUS) -> list[JobId]:
    """Claim so many jobs and settle them."""
    request = ClaimRequest(owner=ME, batch_size=count, entrypoints={WORK: EntrypointTerms()})
    ids = [job.id for job in await queries.claim(request)]
    assert await queries.settle([Settlement(job_id, ME, status) for job_id in ids]) == []
    return ids


async def test_every_way_to_end_resolves_every_waiter(queries) -> None:
    ids = await queries.enqueue([WORK] * 3, [None] * 3)
    [deleted] = await queries.enqueue("deleted", None)
    async with queries.driver, CompletionWatcher(queries.driver, queries=queries) as watcher:
        waiters = {job_id: [watcher.wait_for(job_id) for _ in range(3)] for job_id in ids}
        waiters[deleted] = [watcher.wait_for(deleted)]
        waiters[ids[1]].pop().cancel()
        [first] = await end(queries, 1, "successful")
        [second] = await end(queries, 1, "exception")
        await queries.mark_job_as_cancelled([ids[2]])
        await queries.clear_queue("deleted")
        found = {job_id: set(await asyncio.gather(*each)) for job_id, each in waiters.items()}
        assert await watcher.wait_for(first) == "successful"
    assert found == {
        first: {"successful"},
        second: {"exception"},
        ids[2]: {"canceled"},
        deleted: {"deleted"},
    }


async def test_held_and_truncated_jobs_have_not_ended(queries) -> None:
    held, ended = await queries.enqueue([WORK] * 2, [None] * 2)
    await end(queries, 1, "failed")
    async with (
        queries.driver,
        CompletionWatcher(
            queries.driver, queries=queries, exit_timeout=timedelta(milliseconds=1)
        ) as watcher,
    ):
        waiters = [watcher.wait_for(job_id) for job_id in (held, ended)]
        await end(queries, 1, "successful")
        assert await waiters[1] == "successful"
        assert not waiters[0].done()
        await queries.requeue_jobs([held])
        [truncated] = await queries.enqueue(WORK, None)
        lost = watcher.wait_for(truncated)
        await end(queries, 1, "successful")
        assert await waiters[0] == "successful"
        await queries.clear_queue()
        [last] = await queries.enqueue(WORK, None)
        waiter = watcher.wait_for(last)
        await queries.mark_job_as_cancelled([last])
        assert await waiter == "canceled"
        assert not lost.done()
    assert lost.cancelled()


async def test_many_jobs_in_one_watcher_are_asked_for_once(queries) -> None:
    ids = await queries.enqueue([WORK] * MANY, [None] * MANY)
    early = await end(queries, 1000, "successful")
    counted = Counted(queries)
    async with (
        queries.driver,
        CompletionWatcher(
            queries.driver, queries=counted, refresh_interval=timedelta(hours=1)
        ) as watcher,
    ):
        waiters = [watcher.wait_for(job_id) for job_id in ids]
        await asyncio.gather(*waiters[: len(early)])
        await until(lambda: counted.followed >= 4)
        assert counted.asked == [IDS_PER_QUERY] * (MANY // IDS_PER_QUERY)
        for _ in range(4):
            await end(queries, 1000, "exception")
        await queries.mark_job_as_cancelled(ids[5000 : MANY - FEW // 2])
        await asyncio.gather(*waiters[: MANY - FEW // 2])
        asked = counted.asked[MANY // IDS_PER_QUERY :]
        assert all(number <= FEW for number in asked)
        await queries.mark_job_as_cancelled(ids)
    assert Counter(waiter.result() for waiter in waiters) == {
        "successful": 1000,
        "exception": 4000,
        "canceled": 5000,
    }


async def test_an_end_behind_a_transaction_that_is_open_is_not_missed(queue_dsn: str) -> None:
    async with open_queries(queue_dsn) as queries, open_queries(queue_dsn) as other:
        first, second, third = await queries.enqueue(["work"] * 3, [None] * 3)
        place = (await queries.job_ends(0)).settled
        connection: asyncpg.Connection = other.driver._connection  # type: ignore[attr-defined]
        async with connection.transaction():
            await other.mark_job_as_cancelled([first])
            await queries.mark_job_as_cancelled([second])
            ends = await queries.job_ends(place)
            assert (ends.job_ids, ends.settled) == ([second], place)
            assert ends.last > place
        await queries.mark_job_as_cancelled([third])
        ends = await queries.job_ends(ends.settled)
    assert (ends.job_ids, ends.statuses) == ([first, second, third], ["canceled"] * 3)
    assert ends.settled == ends.last == place + 3


async def test_a_gap_is_given_up_when_it_is_old(queue_dsn: str) -> None:
    async with open_queries(queue_dsn) as queries:
        await queries.enqueue(["work"] * 3, [None] * 3)
        place = (await queries.job_ends(0)).last
        await queries.driver.execute("DELETE FROM pgqueuer_log WHERE id = $1", place - 1)
        assert (await queries.job_ends(0)).settled == place - 2
        assert (await queries.job_ends()).settled == 0
        await queries.driver.execute("UPDATE pgqueuer_log SET created = now() - interval '3 s'")
        assert (await queries.job_ends(0)).settled == place
        assert (await queries.job_ends()).settled == place
