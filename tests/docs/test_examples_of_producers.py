"""The code of the guides to waiting and to SQLAlchemy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer, Queries
from pgqueuer.core.completion import CompletionWatcher
from tests.support.documents import example
from tests.support.kernel import working


@pytest.fixture
async def pool(queue_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
def queries(pool: asyncpg.Pool) -> Queries:
    return Queries(AsyncpgPoolDriver(pool))


async def test_waiting_for_jobs(queries: Queries, capsys: pytest.CaptureFixture[str]) -> None:
    module = example("waiting")
    pgq = PgQueuer(queries.driver)

    @pgq.entrypoint("resize")
    async def resize(job: Job) -> None:
        assert job.payload != b"broken.png"

    async with working(pgq):
        ended = await module.wait_for_a_batch(queries, ["cat.png", "dog.png", "broken.png"])
    assert ended == {"successful": 2, "exception": 1}
    [first, second, third] = await queries.enqueue(["other"] * 3, [None] * 3)
    async with CompletionWatcher(queries.driver, queries=queries) as watcher:
        await queries.mark_job_as_cancelled([first, second])
        await module.report_as_they_end(watcher, [first, second])
        assert await module.long_poll(watcher, third, timedelta(0)) is None
        await queries.mark_job_as_cancelled([third])
        assert await module.long_poll(watcher, third, timedelta(minutes=1)) == "canceled"
    shown = sorted(capsys.readouterr().out.splitlines())
    assert shown == [f"{first}: canceled", f"{second}: canceled"]


async def test_jobs_of_a_sqlalchemy_session(
    queue_dsn: str, pool: asyncpg.Pool, queries: Queries
) -> None:
    pytest.importorskip("sqlalchemy")
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
    from sqlalchemy.orm import sessionmaker

    module = example("sqlalchemy_sessions")
    await pool.execute("CREATE TABLE orders (id serial PRIMARY KEY, item text)")
    engine = create_async_engine(queue_dsn.replace("://", "+asyncpg://", 1))
    shipments = [await module.place_order(async_sessionmaker(engine), "bicycle")]
    await engine.dispose()
    sync_engine = create_engine(queue_dsn.replace("://", "+psycopg://", 1))
    shipments.append(module.place_order_without_asyncio(sessionmaker(sync_engine), "bell"))
    assert [row.count for row in await queries.queue_size()] == [2]
    with sync_engine.connect() as connection:
        module.drop_orders(connection, shipments)
    sync_engine.dispose()
    assert await queries.queue_size() == []
    assert await pool.fetchval("SELECT count(*) FROM orders") == 0
