"""Single calls of enqueue that run at once over a pool go into the queue together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.queries import Queries
from tests.support.driver_tests import admin_of
from tests.support.kernel import until


@pytest.fixture
async def pool(queue_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=8) as opened:
        yield opened


@pytest.fixture
def queries(pool: asyncpg.Pool) -> Queries:
    return Queries(AsyncpgPoolDriver(pool))


async def transactions(queries: Queries) -> int:
    """How many transactions wrote the jobs that are in the queue."""
    (row,) = await queries.driver.fetch("SELECT count(DISTINCT xmin::text) AS n FROM pgqueuer")
    return int(str(row["n"]))


async def test_calls_at_once_share_a_transaction_and_each_gets_its_own_id(queries):
    found = await asyncio.gather(
        *(
            queries.enqueue(
                f"job{n}", b"%d" % n, n, timedelta(seconds=-n), headers={"n": n} if n % 2 else None
            )
            for n in range(20)
        )
    )

    for n, (job_id,) in enumerate(found):
        job = await queries.queue_job_by_id(job_id)
        assert (job.entrypoint, job.payload, job.priority) == (f"job{n}", b"%d" % n, n)
        assert job.headers == ({"n": n} if n % 2 else None)
        assert job.created - job.execute_after == timedelta(seconds=n)
    assert await transactions(queries) == 2
    assert len(await queries.queue_log()) == 20


async def test_a_job_that_is_refused_keeps_no_other_out(queries):
    await queries.driver.execute("ALTER TABLE pgqueuer ADD CHECK (entrypoint <> 'none')")

    found = await asyncio.gather(
        *(queries.enqueue(name, None) for name in ["job", "job", "none", "job", "none"]),
        return_exceptions=True,
    )

    refused = [isinstance(each, asyncpg.CheckViolationError) for each in found]
    assert refused == [False, False, True, False, True]
    (size,) = await queries.queue_size()
    assert size.count == 3


async def test_a_caller_that_gives_up_leaves_the_others_alone(queries):
    first, given_up, last = (
        asyncio.create_task(queries.enqueue("job", name)) for name in (b"1", b"2", b"3")
    )
    await asyncio.sleep(0)  # lets them start
    given_up.cancel()

    ids = [*await first, *await last]

    assert given_up.cancelled()
    assert [job.id for job in await queries.browse_queue()] == sorted(ids, reverse=True)


async def test_calls_do_not_wait_long_for_one_that_waits_for_a_lock(queries, queue_dsn):
    await queries.driver.execute(
        """
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
        CREATE TRIGGER wait BEFORE INSERT ON pgqueuer
        FOR EACH ROW WHEN (NEW.entrypoint = 'slow') EXECUTE FUNCTION wait()
        """
    )
    async with admin_of(queue_dsn) as admin:
        await admin.execute("SELECT pg_advisory_lock(1)")
        slow = asyncio.create_task(queries.enqueue("slow", None))
        await asyncio.sleep(0)  # lets it start
        await asyncio.gather(*(queries.enqueue("job", None) for _ in range(5)))
        assert not slow.done()
    await slow


async def test_a_lost_connection_is_told_to_all_and_nothing_is_sent_twice(queries, pool, queue_dsn):
    async with admin_of(queue_dsn) as admin:
        await admin.execute("BEGIN")
        await admin.execute("LOCK TABLE pgqueuer")
        calls = [asyncio.create_task(queries.enqueue("job", None)) for _ in range(5)]

        async def stuck() -> list[int]:
            cursor = await admin.execute("SELECT DISTINCT pid FROM pg_locks WHERE NOT granted")
            return [pid for (pid,) in await cursor.fetchall()]

        async def both_wait() -> bool:
            return len(await stuck()) == 2

        await until(both_wait)
        for pid in await stuck():
            await admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        found = await asyncio.gather(*calls, return_exceptions=True)
        await admin.execute("ROLLBACK")

    assert all(isinstance(each, asyncpg.PostgresError) for each in found)
    assert await queries.queue_size() == []


async def test_callers_of_a_pool_that_sets_sessions_up_are_kept_apart(queue_dsn):
    async def setup(connection: asyncpg.Connection) -> None:
        await connection.execute("SET work_mem = '1MB'")

    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4, setup=setup) as pool:
        queries = Queries(AsyncpgPoolDriver(pool))
        await asyncio.gather(*(queries.enqueue("job", None) for _ in range(4)))
        assert await transactions(queries) == 4
