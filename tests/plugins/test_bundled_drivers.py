"""The bundled drivers, opened by name, reach a database and give everything back."""

from __future__ import annotations

import asyncio

import pytest

from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.plugins import PluginRegistry, connect, connect_repository
from pgqueuer.ports import Driver, RepositoryPort


@pytest.fixture(scope="module")
def registry() -> PluginRegistry:
    return PluginRegistry.load({}, bundled_only=True)


@pytest.mark.parametrize("name", ["asyncpg", "psycopg"])
async def test_a_named_driver_reaches_the_database(
    registry: PluginRegistry, dsn: str, name: str
) -> None:
    settings = ConnectionSettings(dsn=dsn, application_name="by-name")
    async with connect(name, settings, registry=registry) as driver:
        assert isinstance(driver, Driver)
        [row] = await driver.fetch("SELECT current_setting('application_name') AS name")
        assert row == {"name": "by-name"}


@pytest.mark.parametrize("name", ["asyncpg", "psycopg"])
async def test_leaving_gives_back_every_connection_of_a_listening_driver(
    registry: PluginRegistry, dsn: str, name: str
) -> None:
    settings = ConnectionSettings(dsn=dsn, application_name="mine")
    count = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'mine'"
    heard = asyncio.Event()
    async with connect("asyncpg", ConnectionSettings(dsn=dsn), registry=registry) as other:
        async with asyncio.timeout(30), connect(name, settings, registry=registry) as driver:
            await driver.add_listener("ch_test", lambda _: heard.set())
            await other.notify("ch_test", "{}")
            await heard.wait()
        async with asyncio.timeout(30):
            while await other.fetch(count) != [{"n": 0}]:
                await asyncio.sleep(0.01)


async def test_the_implicit_driver_reaches_the_database(
    registry: PluginRegistry, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_DSN", dsn)
    async with connect(registry=registry) as driver:
        assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("name", ["asyncpg", "psycopg", "memory"])
async def test_the_store_of_a_driver_takes_and_counts_jobs(
    registry: PluginRegistry, queue_dsn: str, name: str
) -> None:
    settings = ConnectionSettings(dsn=queue_dsn)
    async with connect_repository(name, settings, registry=registry) as queries:
        assert isinstance(queries, RepositoryPort)
        await queries.enqueue(["fetch", "fetch"], [b"1", b"2"], [0, 0])
        [size] = await queries.queue_size()
        assert (size.entrypoint, size.count) == ("fetch", 2)
