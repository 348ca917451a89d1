"""The driver over one asyncpg connection, when the connection ends."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.testing._driver.kit import Heard
from tests.support.driver_tests import admin_of, backend_of, terminate, until


async def test_a_lost_connection_is_told_once(dsn, caplog):
    changes = []
    driver = AsyncpgDriver(await asyncpg.connect(dsn))
    async with driver, admin_of(dsn) as admin:
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


async def test_a_connection_closed_after_the_context_is_not_lost(dsn, caplog):
    connection = await asyncpg.connect(dsn)
    driver = AsyncpgDriver(connection)
    async with driver:
        await driver.add_listener("channel", Heard())
    await connection.close()
    await asyncio.sleep(0)

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
    connection = await asyncpg.connect(dsn)
    driver = AsyncpgDriver(connection)
    await driver.execute("CREATE TABLE items (id int)")
    with pytest.raises(ValueError, match="on purpose"):
        async with connection.transaction():
            await driver.execute("INSERT INTO items VALUES (1)")
            raise ValueError("on purpose")

    assert await driver.fetch("SELECT id FROM items") == []
    await connection.close()


async def test_a_name_of_three_parts_can_not_be_copied_to(dsn):
    connection = await asyncpg.connect(dsn)
    with pytest.raises(ValueError, match="a schema and a table"):
        await AsyncpgDriver(connection).copy_rows('"a"."b"."c"', ["id"], ["int4"], [])
    await connection.close()
