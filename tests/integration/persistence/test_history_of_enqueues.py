"""With `log_enqueues` off, jobs come into the queue without a row of history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries
from tests.support.open_queries import open_queries


@pytest.fixture(params=["asyncpg", "pool", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    settings = DBSettings(log_enqueues=False)
    async with open_queries(queue_dsn, request.param, settings) as opened:
        yield opened


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def enqueue_in_every_way(queries: Queries) -> list[int]:
    ids = [*await queries.enqueue("a", b"one")]
    ids += await queries.enqueue(["a"] * 3, [b"alike"] * 3, [0] * 3)
    ids += await queries.enqueue(["a"] * 2, [b"unlike"] * 2, [1, 2])
    ids += await queries.enqueue("a", None, dedupe_key="one")
    ids += await queries.enqueue("a", None, dedupe_key="two", on_conflict="update_priority")
    skipped = await queries.enqueue("a", None, dedupe_key="three", on_conflict="skip")
    return ids + [job_id for job_id in skipped if job_id is not None]


async def test_no_way_to_enqueue_writes_history(queries: Queries, db: asyncpg.Connection) -> None:
    ids = await enqueue_in_every_way(queries)
    assert len(ids) == 9
    assert await db.fetchval("SELECT array_agg(id ORDER BY id) FROM pgqueuer") == sorted(ids)
    assert await db.fetchval("SELECT count(*) FROM pgqueuer_log") == 0


async def test_what_happens_to_the_jobs_is_written_as_ever(
    queries: Queries, db: asyncpg.Connection
) -> None:
    ids = await enqueue_in_every_way(queries)
    me = uuid4()
    request = ClaimRequest(owner=me, batch_size=20, entrypoints={"a": EntrypointTerms()})
    jobs = await queries.claim(request)
    assert sorted(job.id for job in jobs) == sorted(ids)
    await queries.settle([Settlement(job.id, me, "successful") for job in jobs])

    rows = await db.fetch("SELECT job_id, status::text FROM pgqueuer_log ORDER BY id")
    assert sorted(tuple(row) for row in rows) == sorted(
        (job_id, status) for job_id in ids for status in ("picked", "successful")
    )
    assert {status.status for status in await queries.job_status(ids)} == {"successful"}
    counted = {(row.status, row.priority): row.count for row in await queries.log_statistics(None)}
    assert counted == {
        (status, priority): count
        for status in ("picked", "successful")
        for priority, count in ((0, 7), (1, 1), (2, 1))
    }
