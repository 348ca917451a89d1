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


async def test_a_survey_finds_what_is_due_behind_many_jobs_that_are_not(queries: Queries) -> None:
    names = ["a", "b", "c", "d"]
    for name in ("a", "b", "d"):
        count = DEFERRED
        await queries.enqueue([name] * count, [None] * count, [0] * count, [LATER] * count)
    jobs = await enqueue(queries, 0, 0, -2, entrypoint="a")
    await enqueue(queries, 0, 0, entrypoint="c")
    *_, last = await enqueue(queries, 9, 9, entrypoint="d")

    rows = await queries.driver.fetch(queries.statements["survey_fronts"], names)

    found = {row["entrypoint"]: (row["priority"], row["id"]) for row in rows}
    assert found == {"a": (0, jobs[0] - 1), "b": (0, last)}


async def test_jobs_that_come_while_only_others_wait_to_be_due_are_claimed(
    queries: Queries,
) -> None:
    count = DEFERRED
    priorities = [n % 3 for n in range(count)]
    await queries.enqueue(["a"] * count, [None] * count, priorities, [LATER] * count)
    assert await claim(queries) == []

    for priority in range(3, -2, -1):
        jobs = await enqueue(queries, priority)
        assert await claim(queries) == jobs


async def test_a_survey_leaves_out_where_more_is_due_than_it_may_read(
    queries: Queries, db: asyncpg.Connection
) -> None:
    fill = (
        "INSERT INTO pgqueuer (priority, entrypoint, status, execute_after) SELECT 0, 'a', 'queued'"
    )
    await db.execute(f"{fill}, now() + interval '1 day' FROM generate_series(1, {DEFERRED})")
    await db.execute(f"{fill}, now() FROM generate_series(1, 50000)")
    survey = queries.statements["survey_fronts"]
    assert len(await queries.driver.fetch(survey, ["a"])) == 1

    await enqueue(queries, 0)

    assert await queries.driver.fetch(survey, ["a"]) == []


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
