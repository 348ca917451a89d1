"""The driver over an asyncpg pool: its listening connection, and what it costs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.queries import Queries
from pgqueuer.testing._driver.kit import Heard
from tests.support.driver_tests import admin_of, backend_of, terminate, until, until_sleeping


class Resets:
    """Counts the connections that go back to the pool."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, connection: asyncpg.Connection) -> None:
        self.count += 1
        await connection.reset()


@asynccontextmanager
async def pool_driver(
    dsn: str, max_size: int = 3, resets: Resets | None = None
) -> AsyncIterator[AsyncpgPoolDriver]:
    async with asyncpg.create_pool(dsn, min_size=0, max_size=max_size, reset=resets) as pool:
        yield AsyncpgPoolDriver(pool)


async def test_an_idle_worker_causes_no_resets(dsn):
    resets = Resets()
    async with pool_driver(dsn, resets=resets) as driver:
        async with driver:
            await driver.add_listener("channel", Heard())
            for number in range(20):
                await driver.fetch("SELECT $1::int", number)
                await driver.execute("SELECT 1")
                await driver.notify("channel", "x")
            assert resets.count == 0
        assert resets.count == 1


async def test_without_listener_statements_run_on_the_pool(dsn):
    resets = Resets()
    async with pool_driver(dsn, resets=resets) as driver, driver:
        await driver.fetch("SELECT 1")
        await driver.execute("SELECT 1")

        assert resets.count == 2


async def test_statements_spill_over_to_the_pool_while_the_listener_is_busy(dsn):
    async with pool_driver(dsn) as driver, driver:
        await driver.add_listener("channel", Heard())
        listener = await backend_of(driver)
        async with admin_of(dsn) as admin:
            await admin.execute("SELECT pg_advisory_lock(1)")
            waiting = asyncio.create_task(driver.fetch("SELECT pg_advisory_xact_lock(1)"))
            await asyncio.sleep(0)  # lets it start
            spilled = await backend_of(driver)
            assert spilled != listener
            await admin.execute("SELECT pg_advisory_unlock(1)")
        await waiting

        assert await backend_of(driver) == listener


async def test_copies_keep_off_the_listening_connection(dsn):
    heard = Heard()
    async with pool_driver(dsn) as driver, driver:
        await driver.execute("CREATE TABLE items (id int)")
        await driver.add_listener("channel", heard)

        async def rows():
            await driver.notify("channel", "heard in the middle")
            await heard.until("heard in the middle")
            yield (1,)

        assert await driver.copy_rows("items", ["id"], ["int4"], rows()) == 1


async def test_a_pool_for_one_connection_serves_all_but_listeners(dsn):
    async with pool_driver(dsn, max_size=1) as driver, driver:
        assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]
        with pytest.raises(RuntimeError, match="max_size=2"):
            await driver.add_listener("channel", Heard())
        assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_leaving_gives_the_connection_back(dsn):
    async with asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool:
        driver = AsyncpgPoolDriver(pool)
        async with driver, driver:
            await driver.add_listener("channel", Heard())
            assert (pool.get_size(), pool.get_idle_size()) == (1, 0)
        assert (pool.get_size(), pool.get_idle_size()) == (1, 1)


async def test_removing_the_last_listener_of_a_driver_nobody_entered_gives_it_back(dsn):
    async with asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool:
        driver = AsyncpgPoolDriver(pool)
        heard = Heard()
        await driver.add_listener("channel", heard)
        assert pool.get_idle_size() == 0
        await driver.remove_listener("channel", heard)

        assert pool.get_idle_size() == 1


async def test_a_transaction_that_was_left_open_is_rolled_back(dsn, caplog):
    heard = Heard()
    async with pool_driver(dsn) as driver, driver:
        await driver.add_listener("channel", heard)
        await driver.execute("BEGIN")
        await driver.notify("channel", "mark")

        assert await heard.until("mark") == []
    assert "transaction was left open" in caplog.text


async def test_a_lost_listening_connection_is_replaced(dsn, caplog):
    caplog.set_level(logging.INFO, "pgqueuer")
    heard, changes = Heard(), []
    async with pool_driver(dsn) as driver, driver, admin_of(dsn) as admin:
        driver.watch_listening(changes.append)
        await driver.add_listener("channel", heard)
        await driver.add_listener("Other Channel", heard)
        lost = await backend_of(driver)

        await terminate(admin, lost)
        await until(lambda: changes == [False, True])

        for channel in ("channel", "Other Channel"):
            await admin.execute("SELECT pg_notify(%s, 'mark')", (channel,))
            await heard.until("mark")
        assert await backend_of(driver) != lost
        assert not driver.closed
    assert caplog.text.count("was lost") == 1
    assert caplog.text.count("Listening again") == 1


async def test_a_statement_on_a_lost_connection_raises_and_the_next_one_works(dsn):
    async with pool_driver(dsn) as driver, driver, admin_of(dsn) as admin:
        await driver.add_listener("channel", Heard())
        pid = await backend_of(driver)
        sleep = asyncio.create_task(driver.fetch("SELECT pg_sleep(3600)"))
        await until_sleeping(admin, pid)
        await terminate(admin, pid)
        with pytest.raises(asyncpg.PostgresError) as caught:
            await sleep

        assert caught.value.sqlstate == "08003"
        assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_a_connection_lost_while_a_statement_is_sent_is_replaced_too(dsn):
    """asyncpg forgets to clean up in one of these cases, and the pool could never be closed."""
    for _ in range(20):
        heard = Heard()
        async with pool_driver(dsn) as driver, driver, admin_of(dsn) as admin:
            await driver.add_listener("channel", heard)
            changes = []
            driver.watch_listening(changes.append)
            pid = await backend_of(driver)
            sleep = asyncio.create_task(driver.fetch("SELECT pg_sleep(3600)"))
            await asyncio.sleep(0)  # lets it start
            await terminate(admin, pid)
            with pytest.raises((asyncpg.PostgresError, asyncpg.InternalClientError)):
                await sleep

            assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]
            await until(lambda: changes == [False, True])  # noqa: B023 - called at once
            await driver.notify("channel", "mark")
            await heard.until("mark")


async def test_a_listener_added_while_the_connection_is_replaced_is_heard(dsn):
    first, second, changes = Heard(), Heard(), []
    async with pool_driver(dsn) as driver, driver, admin_of(dsn) as admin:
        driver.watch_listening(changes.append)
        await driver.add_listener("channel", first)
        await terminate(admin, await backend_of(driver))
        await until(lambda: changes)
        await driver.add_listener("elsewhere", second)
        await until(lambda: changes == [False, True])

        for channel, heard in (("channel", first), ("elsewhere", second)):
            await driver.notify(channel, "mark")
            await heard.until("mark")


async def test_the_search_for_a_new_connection_ends_with_the_context(pg, caplog):
    name = pg.create()
    try:
        async with pool_driver(pg.dsn(name)) as driver:
            async with driver:
                await driver.add_listener("channel", Heard())
                changes = []
                driver.watch_listening(changes.append)
                pg.drop(name)
                await until(lambda: "no connection to listen on yet" in caplog.text)
                with pytest.raises(asyncpg.InvalidCatalogNameError):
                    await driver.fetch("SELECT 1")
            assert changes == [False]
            await until(lambda: not driver.tm.tasks)
    finally:
        pg.drop(name)


async def test_a_pool_closed_too_early_is_not_searched_for_ever(dsn):
    pool = await asyncpg.create_pool(dsn, min_size=0, max_size=2)
    driver = AsyncpgPoolDriver(pool)
    async with driver:
        await driver.add_listener("channel", Heard())
        pool.terminate()
        await until(lambda: driver.closed and not driver.tm.tasks)


@asynccontextmanager
async def watched_pool(
    dsn: str, **hooks: Callable[[asyncpg.Connection], Awaitable[None]]
) -> AsyncIterator[tuple[asyncpg.Pool, list[str]]]:
    """A pool of one connection, and the queries that it sends."""
    sent: list[str] = []

    async def init(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda record: sent.append(record.query))

    async with asyncpg.create_pool(dsn, min_size=1, max_size=1, init=init, **hooks) as pool:
        yield pool, sent


def resets(sent: list[str]) -> int:
    return sum("RESET ALL" in query for query in sent)


async def test_enqueue_leaves_nothing_to_reset(queue_dsn):
    async with watched_pool(queue_dsn) as (pool, sent):
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.enqueue("job", None)
        await queries.enqueue(["job"] * 3, [None] * 3)
        await queries.enqueue("job", None, dedupe_key="key")
        assert resets(sent) == 0

        await queries.driver.fetch("SELECT set_config('work_mem', '1MB', false)")
        assert resets(sent) == 1
        async with pool.acquire() as connection:
            assert await connection.fetchval("SHOW work_mem") != "1MB"
        assert resets(sent) == 2


async def test_a_refused_enqueue_resets_its_session(queue_dsn):
    async with watched_pool(queue_dsn) as (pool, sent):
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.driver.execute("ALTER TABLE pgqueuer ADD CHECK (entrypoint <> 'none')")
        sent.clear()
        with pytest.raises(asyncpg.CheckViolationError):
            await queries.enqueue("none", None)
        assert resets(sent) == 1


async def test_sessions_that_the_pool_sets_up_are_reset(queue_dsn):
    async def setup(connection: asyncpg.Connection) -> None:
        await connection.execute("SET work_mem = '1MB'")

    async with watched_pool(queue_dsn, setup=setup) as (pool, sent):
        await Queries(AsyncpgPoolDriver(pool)).enqueue("job", None)
        assert resets(sent) == 1


async def test_sessions_with_settings_from_the_environment_are_reset(queue_dsn, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=1MB")
    async with watched_pool(queue_dsn) as (pool, sent):
        await Queries(AsyncpgPoolDriver(pool)).enqueue("job", None)
        assert resets(sent) == 1
