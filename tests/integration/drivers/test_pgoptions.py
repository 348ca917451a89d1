"""PGOPTIONS works with every bundled driver, whoever opened the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import psycopg
import pytest

from pgqueuer.adapters.connections import (
    connect_asyncpg,
    connect_psycopg,
    create_asyncpg_pool,
    create_psycopg_pool,
)
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.ports.driver import Driver
from pgqueuer.testing._driver.kit import Heard
from tests.support.driver_tests import asyncpg_connection

SHOW = "SELECT current_setting('search_path') AS path"


@asynccontextmanager
async def own_asyncpg(dsn: str) -> AsyncIterator[Driver]:
    async with asyncpg_connection(dsn) as connection:
        yield AsyncpgDriver(connection)


@asynccontextmanager
async def own_asyncpg_pool(dsn: str) -> AsyncIterator[Driver]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as pool:
        yield AsyncpgPoolDriver(pool)


@asynccontextmanager
async def own_psycopg(dsn: str) -> AsyncIterator[Driver]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield PsycopgDriver(connection)


@asynccontextmanager
async def our_asyncpg(dsn: str) -> AsyncIterator[Driver]:
    async with connect_asyncpg(dsn) as connection:
        yield AsyncpgDriver(connection)


@asynccontextmanager
async def our_asyncpg_pool(dsn: str) -> AsyncIterator[Driver]:
    async with create_asyncpg_pool(dsn) as pool:
        yield AsyncpgPoolDriver(pool)


@asynccontextmanager
async def our_psycopg(dsn: str) -> AsyncIterator[Driver]:
    async with connect_psycopg(dsn) as connection:
        yield PsycopgDriver(connection)


@asynccontextmanager
async def our_psycopg_pool(dsn: str) -> AsyncIterator[Driver]:
    async with create_psycopg_pool(dsn) as pool, pool.connection() as connection:
        yield PsycopgDriver(connection)


ALL = [
    own_asyncpg,
    own_asyncpg_pool,
    own_psycopg,
    our_asyncpg,
    our_asyncpg_pool,
    our_psycopg,
    our_psycopg_pool,
]
POOLS = [own_asyncpg_pool, our_asyncpg_pool]


@pytest.mark.parametrize("opened", ALL)
async def test_the_search_path_counts_for_every_call(dsn, monkeypatch, opened):
    monkeypatch.setenv("PGOPTIONS", r"-c search_path=myschema,\ public --statement-timeout=7s")
    async with opened(dsn) as driver, driver:
        await driver.execute("CREATE SCHEMA myschema; CREATE TABLE items (id int)")
        await driver.copy_rows("items", ["id"], ["int4"], [(1,)])
        await driver.add_listener("channel", Heard())
        for _ in range(3):
            assert await driver.fetch(SHOW) == [{"path": "myschema, public"}]
            assert await driver.fetch("SELECT id FROM myschema.items") == [{"id": 1}]
            assert await driver.fetch("SHOW statement_timeout") == [{"statement_timeout": "7s"}]


@pytest.mark.parametrize("opened", ALL)
async def test_options_of_the_dsn_win(dsn, monkeypatch, opened):
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=from_environment")
    async with opened(f"{dsn}&options=-csearch_path%3Dfrom_dsn") as driver, driver:
        for _ in range(2):
            assert await driver.fetch(SHOW) == [{"path": "from_dsn"}]


@pytest.mark.parametrize("opened", ALL)
async def test_they_beat_the_defaults_of_the_database(pg, dsn, monkeypatch, opened):
    name = dsn.split("?")[0].rpartition("/")[2]
    pg.execute("ALTER DATABASE {} SET search_path TO of_the_database", name)
    async with opened(dsn) as driver, driver:
        assert await driver.fetch(SHOW) == [{"path": "of_the_database"}]
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=from_environment")
    async with opened(dsn) as driver, driver:
        assert await driver.fetch(SHOW) == [{"path": "from_environment"}]


async def test_a_rollback_does_not_take_them_back(dsn, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=from_environment")
    async with asyncpg_connection(dsn) as connection:
        driver = AsyncpgDriver(connection)
        with pytest.raises(ValueError, match="on purpose"):
            async with connection.transaction():
                assert await driver.fetch(SHOW) == [{"path": "from_environment"}]
                raise ValueError("on purpose")

        assert await driver.fetch(SHOW) == [{"path": "from_environment"}]


async def test_what_the_owner_set_stays(dsn, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=from_environment")
    async with asyncpg_connection(dsn) as connection:
        await connection.execute("SET search_path TO of_the_owner")

        assert await AsyncpgDriver(connection).fetch(SHOW) == [{"path": "of_the_owner"}]


@pytest.mark.parametrize("opened", POOLS)
async def test_a_pool_that_opens_its_connections_with_them_costs_nothing(dsn, monkeypatch, opened):
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=from_environment")
    async with opened(dsn) as driver, driver:
        for _ in range(2):
            await driver.fetch(SHOW)

        assert bool(driver._options._wanted) is (opened is own_asyncpg_pool)


async def test_an_unknown_setting_is_refused_by_the_server(dsn, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-cno_such_setting=1")
    async with asyncpg_connection(dsn) as connection:
        with pytest.raises(asyncpg.UndefinedObjectError, match="no_such_setting"):
            await AsyncpgDriver(connection).fetch(SHOW)
