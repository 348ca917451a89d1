"""A statement that takes too long is canceled; a server that has vanished is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pgqueuer.adapters.connections import connect_asyncpg, connect_psycopg, create_asyncpg_pool
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, Driver, PsycopgDriver
from pgqueuer.domain.errors import StatementTimeoutError
from pgqueuer.domain.settings import ConnectionSettings, DBSettings
from pgqueuer.ports.statements import statement_seconds, statements_within
from pgqueuer.queries import Queries
from tests.support.proxy import Proxy

DRIVERS = ("asyncpg", "pool", "psycopg")
SLEEPERS = "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(77)%'"


@asynccontextmanager
async def open_driver(kind: str, dsn: str) -> AsyncIterator[Driver]:
    settings = ConnectionSettings(dsn=dsn, pool_min_size=1, pool_max_size=3)
    if kind == "asyncpg":
        async with connect_asyncpg(settings=settings) as connection:
            yield AsyncpgDriver(connection)
    elif kind == "pool":
        async with create_asyncpg_pool(settings=settings) as pool, AsyncpgPoolDriver(pool) as each:
            yield each
    else:
        async with connect_psycopg(settings=settings) as connection:
            yield PsycopgDriver(connection)


@pytest.fixture
def proxy(dsn: str) -> Iterator[Proxy]:
    """A network that can fail, to the server of the tests."""
    with Proxy(dsn).running() as proxy:
        yield proxy


def test_of_bounds_inside_each_other_the_shortest_counts():
    assert statement_seconds() is None
    with statements_within(5):
        with statements_within(9):
            assert statement_seconds() == 5
        with statements_within(2):
            assert statement_seconds() == 2
        for none in (None, 0):
            with statements_within(none):
                assert statement_seconds() == 5
    assert statement_seconds() is None


@pytest.mark.parametrize("kind", DRIVERS)
async def test_a_late_statement_is_canceled_and_the_connection_goes_on(dsn, kind):
    async with open_driver(kind, dsn) as driver:
        with pytest.raises(StatementTimeoutError, match=r"within 0\.2 s"), statements_within(0.2):
            await driver.fetch("SELECT pg_sleep(77)")
        assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]
        while await driver.fetch(SLEEPERS) != [{"n": 0}]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", DRIVERS)
async def test_a_listening_driver_keeps_to_the_bound_too(dsn, kind):
    async with open_driver(kind, dsn) as driver:
        await driver.add_listener("news", print)
        with pytest.raises(StatementTimeoutError), statements_within(0.2):
            await driver.fetch("SELECT pg_sleep(77)")
        assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("kind", DRIVERS)
async def test_a_connection_whose_server_vanished_is_given_up(proxy, kind):
    async with open_driver(kind, proxy.dsn()) as driver:
        await driver.fetch("SELECT 1")
        proxy.cut()
        with pytest.raises(StatementTimeoutError), statements_within(0.2):
            await driver.fetch("SELECT 1")
        proxy.mend()
        assert driver.closed == (kind != "pool")
        if kind == "pool":
            assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_those_who_wait_for_their_turn_are_not_cut_off(dsn):
    async with open_driver("asyncpg", dsn) as driver:
        long = asyncio.create_task(driver.fetch("SELECT pg_sleep(0.5), 1 AS one"))
        await asyncio.sleep(0)
        with statements_within(0.3):
            assert await driver.fetch("SELECT 2 AS two") == [{"two": 2}]
        assert (await long)[0]["one"] == 1


@pytest.mark.parametrize("kind", DRIVERS)
async def test_workers_are_bounded_and_producers_wait_for_locks(queue_dsn, kind):
    settings = DBSettings(statement_timeout=0.3)
    async with open_driver(kind, queue_dsn) as driver, open_driver(kind, queue_dsn) as other:
        worker = Queries(driver, qbe=QueryBuilderEnvironment(settings))
        producer = Queries(other, qbe=QueryBuilderEnvironment(settings))
        blocker = await asyncpg.connect(queue_dsn)
        try:
            async with blocker.transaction():
                await blocker.execute("LOCK pgqueuer IN ACCESS EXCLUSIVE MODE")
                enqueued = asyncio.create_task(producer.enqueue("work", None))
                with pytest.raises(StatementTimeoutError):
                    await worker.queued_work(["work"])
            assert len(await enqueued) == 1
        finally:
            await blocker.close()
