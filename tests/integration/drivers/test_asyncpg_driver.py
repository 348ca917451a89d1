"""The driver over one asyncpg connection, when the connection ends."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.testing._driver.kit import Heard
from tests.support.driver_tests import admin_of, asyncpg_connection, backend_of, terminate, until


async def test_a_lost_connection_is_told_once(dsn, caplog):
    changes = []
    async with (
        asyncpg_connection(dsn) as connection,
        AsyncpgDriver(connection) as driver,
        admin_of(dsn) as admin,
    ):
        driver.watch_listening(changes.append)
        await driver.add_listener("channel", Heard())
        await driver.add_listener("elsewhere", Heard())
        await terminate(admin, await backend_of(driver))
        await until(lambda: changes)

        assert driver.closed
        with pytest.raises(asyncpg.InterfaceError):
            await driver.fetch("SELECT 1")
        with pytest.raises(asyncpg.InterfaceError):
            await driver.add_listener("third", Heard())
    assert changes == [False]
    assert caplog.text.count("connection was lost") == 1


async def test_a_connection_lost_while_a_statement_is_sent_is_told_too(dsn):
    """asyncpg forgets to tell in one of these cases."""
    for _ in range(20):
        changes = []
        async with (
            asyncpg_connection(dsn) as connection,
            AsyncpgDriver(connection) as driver,
            admin_of(dsn) as admin,
        ):
            driver.watch_listening(changes.append)
            await driver.add_listener("channel", Heard())
            pid = await backend_of(driver)
            sleep = asyncio.create_task(driver.fetch("SELECT pg_sleep(3600)"))
            await asyncio.sleep(0)  # lets it start
            await terminate(admin, pid)
            with pytest.raises((asyncpg.PostgresError, asyncpg.InternalClientError)):
                await sleep
            await until(lambda: changes == [False])  # noqa: B023 - called at once

            assert driver.closed


async def test_a_connection_closed_after_the_context_is_not_lost(dsn, caplog):
    async with asyncpg_connection(dsn) as connection, AsyncpgDriver(connection) as driver:
        await driver.add_listener("channel", Heard())
    await asyncio.sleep(0)  # asyncpg calls back in the next turn of the loop

    assert driver.closed
    assert caplog.text == ""


async def test_a_connection_that_went_back_to_its_pool_is_closed(dsn):
    async with asyncpg.create_pool(dsn, min_size=0, max_size=1) as pool:
        async with pool.acquire() as connection:
            driver = AsyncpgDriver(connection)
            assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]
            assert not driver.closed
        assert driver.closed


async def test_statements_take_part_in_the_transaction_of_the_caller(dsn):
    async with asyncpg_connection(dsn) as connection:
        driver = AsyncpgDriver(connection)
        await driver.execute("CREATE TABLE items (id int)")
        with pytest.raises(ValueError, match="on purpose"):
            async with connection.transaction():
                await driver.execute("INSERT INTO items VALUES (1)")
                raise ValueError("on purpose")

        assert await driver.fetch("SELECT id FROM items") == []


async def test_a_name_of_three_parts_can_not_be_copied_to(dsn):
    async with asyncpg_connection(dsn) as connection:
        with pytest.raises(ValueError, match="a schema and a table"):
            await AsyncpgDriver(connection).copy_rows('"a"."b"."c"', ["id"], ["int4"], [])
