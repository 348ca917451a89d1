"""Claims and completions are counted by the statement that writes them, once, without waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from pgqueuer.domain.settings import DBSettings
from pgqueuer.models import Job
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from tests.support.open_queries import open_queries

MINUTE = timedelta(minutes=1)
JOBS = 4


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn, request.param) as opened:
        yield opened


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def claim(queries: Queries, limit: int) -> list[Job]:
    await queries.enqueue(["mail"] * JOBS, [None] * JOBS, list(range(JOBS)))
    terms = {"mail": EntrypointExecutionParameter(limit)}
    return await queries.dequeue(JOBS, terms, uuid4(), None, MINUTE)


async def flags(db: asyncpg.Connection) -> Counter[tuple[str, bool]]:
    rows = await db.fetch("SELECT status::text, aggregated FROM pgqueuer_log")
    return Counter((row["status"], row["aggregated"]) for row in rows)


async def counts(queries: Queries) -> Counter[str]:
    total = Counter[str]()
    for row in await queries.log_statistics(None):
        total[row.status] += row.count
    return total


EXPECTED = Counter({"queued": JOBS, "picked": JOBS, "successful": JOBS})


@pytest.mark.parametrize("limit", [0, JOBS])
async def test_claims_and_completions_need_no_fold(
    queries: Queries, db: asyncpg.Connection, limit: int
) -> None:
    jobs = await claim(queries, limit)
    await queries.log_jobs([(job, "successful", None) for job in jobs])

    assert await flags(db) == {
        ("queued", False): JOBS,
        ("picked", True): JOBS,
        ("successful", True): JOBS,
    }
    assert await counts(queries) == EXPECTED


async def test_who_would_wait_for_another_leaves_the_counting_to_a_fold(
    queries: Queries, db: asyncpg.Connection
) -> None:
    async with db.transaction():
        for status in ("picked", "successful"):
            await db.execute(
                "SELECT pg_advisory_xact_lock("
                "hashtextextended($1, 'pgqueuer_statistics'::regclass::oid::bigint))",
                f"pgqueuer.count.{status}",
            )
        jobs = await claim(queries, 0)
        await queries.log_jobs([(job, "successful", None) for job in jobs])
        assert set(await flags(db)) == {
            ("queued", False),
            ("picked", False),
            ("successful", False),
        }

    assert await counts(queries) == EXPECTED
    assert await queries.unaggregated_log_count() == 0


async def test_what_is_not_the_owners_is_neither_written_nor_counted(
    queries: Queries, db: asyncpg.Connection
) -> None:
    first, *others = await claim(queries, 0)
    await db.execute("UPDATE pgqueuer SET queue_manager_id = $1 WHERE id = $2", uuid4(), first.id)
    await queries.log_jobs([(job, "successful", None) for job in (first, *others)])

    assert (await counts(queries))["successful"] == JOBS - 1
    assert await db.fetchval("SELECT array_agg(id) FROM pgqueuer") == [first.id]


@pytest.mark.parametrize("limit", [0, JOBS])
async def test_claims_that_are_not_logged_are_counted(
    queries: Queries, db: asyncpg.Connection, limit: int
) -> None:
    queries.qbe.settings = DBSettings(log_claims=False)
    jobs = await claim(queries, limit)
    await queries.log_jobs([(job, "successful", None) for job in jobs])

    assert await flags(db) == {("queued", False): JOBS, ("successful", True): JOBS}
    assert await counts(queries) == EXPECTED


async def test_a_claim_that_can_not_be_counted_is_logged_anyhow(
    queries: Queries, db: asyncpg.Connection
) -> None:
    queries.qbe.settings = DBSettings(log_claims=False)
    async with db.transaction():
        await db.execute(
            "SELECT pg_advisory_xact_lock("
            "hashtextextended($1, 'pgqueuer_statistics'::regclass::oid::bigint))",
            "pgqueuer.count.picked",
        )
        await claim(queries, 0)

    assert (await flags(db))["picked", False] == JOBS
    assert await counts(queries) == Counter({"queued": JOBS, "picked": JOBS})
