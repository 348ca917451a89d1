"""Claims behind a front that is expensive to read miss nothing but what stands in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from pgqueuer.adapters.persistence.frontier import CHEAP
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.queries import Queries
from tests.support.open_queries import open_queries

ME = uuid4()
DEFERRED = CHEAP + 100
LATER = timedelta(days=1)


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn, request.param) as opened:
        yield opened


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def enqueue(queries: Queries, *priorities: int, entrypoint: str = "a") -> list[int]:
    count = len(priorities)
    return list(await queries.enqueue([entrypoint] * count, [None] * count, list(priorities)))


async def claim(queries: Queries, count: int = 10, limit: int = 0) -> list[int]:
    terms = {name: EntrypointTerms(concurrency_limit=limit) for name in ("a", "b")}
    request = ClaimRequest(owner=ME, batch_size=count, entrypoints=terms)
    return [job.id for job in await queries.claim(request)]


@pytest.mark.parametrize("limit", [0, 100])
async def test_what_comes_behind_an_expensive_front_is_claimed_in_order(
    queries: Queries, limit: int
) -> None:
    count = DEFERRED
    deferred = await queries.enqueue(["a"] * count, [None] * count, [0] * count, [LATER] * count)
    first = await enqueue(queries, 0, 0)
    assert await claim(queries, limit=limit) == first

    low, high, same = await enqueue(queries, -1, 5, 0)
    (other,) = await enqueue(queries, 1, entrypoint="b")
    assert await claim(queries, 2, limit) == [high, other]
    assert await claim(queries, limit=limit) == [same, low]
    assert await claim(queries, limit=limit) == []
    assert len(deferred) == await queries.queued_work(["a"]) * count


async def test_a_limit_holds_behind_an_expensive_front(queries: Queries) -> None:
    count = DEFERRED
    await queries.enqueue(["a"] * count, [None] * count, [0] * count, [LATER] * count)
    first = await enqueue(queries, 0)
    assert await claim(queries, limit=3) == first

    jobs = await enqueue(queries, 0, 0, 0, 7)
    assert await claim(queries, limit=3) == [jobs[3], jobs[0]]
    assert await claim(queries, limit=3) == []


async def test_what_stands_in_an_expensive_front_is_claimed_at_the_next_look(
    queries: Queries, db: asyncpg.Connection
) -> None:
    count = DEFERRED
    deferred = await queries.enqueue(["a"] * count, [None] * count, [0] * count, [LATER] * count)
    first = await enqueue(queries, 0)
    assert await claim(queries) == first

    await db.execute("UPDATE pgqueuer SET execute_after = now() WHERE id = $1", deferred[3])
    found: list[int] = []
    while not found:
        found = await claim(queries)
    assert found == [deferred[3]]


@pytest.mark.parametrize("limit", [0, 100])
async def test_a_pause_and_a_resume_hold_behind_an_expensive_front(
    queries: Queries, limit: int
) -> None:
    count = DEFERRED
    await queries.enqueue(["a"] * count, [None] * count, [0] * count, [LATER] * count)
    first = await enqueue(queries, 0)
    assert await claim(queries, limit=limit) == first

    waiting = await enqueue(queries, 0, 0)
    (other,) = await enqueue(queries, 0, entrypoint="b")
    await queries.pause_entrypoints("a")
    assert await claim(queries, limit=limit) == [other]
    assert await claim(queries, limit=limit) == []

    await queries.resume_entrypoints("a")
    assert await claim(queries, limit=limit) == waiting
