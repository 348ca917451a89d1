"""How the helpers connect: which DSN, which arguments, which pool."""

from __future__ import annotations

import asyncio
import socket

import asyncpg
import psycopg
import pytest
import uvloop

from pgqueuer.adapters.connections import (
    connect_asyncpg,
    connect_psycopg,
    create_asyncpg_pool,
    create_psycopg_pool,
)
from pgqueuer.adapters.drivers.keepalive import keep_alive
from pgqueuer.domain.settings import ConnectionSettings

ASK = "SELECT current_setting('application_name') AS name"
NOWHERE = "postgresql:///?host=/nowhere"


async def ask_asyncpg(*args: object) -> str:
    async with connect_asyncpg(*args) as connection:
        return await connection.fetchval(ASK)


async def ask_asyncpg_pool(*args: object) -> str:
    async with create_asyncpg_pool(*args) as pool:
        return await pool.fetchval(ASK)


async def ask_psycopg(*args: object) -> str:
    async with connect_psycopg(*args) as connection:
        assert connection.autocommit
        return (await (await connection.execute(ASK)).fetchone())[0]


async def ask_psycopg_pool(*args: object) -> str:
    async with create_psycopg_pool(*args) as pool, pool.connection() as connection:
        assert connection.autocommit
        return (await (await connection.execute(ASK)).fetchone())[0]


ALL = [ask_asyncpg, ask_asyncpg_pool, ask_psycopg, ask_psycopg_pool]


@pytest.mark.parametrize("ask", ALL)
async def test_the_first_dsn_counts(dsn, monkeypatch, ask):
    monkeypatch.setenv("PGHOST", "/nowhere")
    monkeypatch.setenv("PGDSN", f"{dsn}&application_name=PGDSN")
    assert await ask() == "PGDSN"
    monkeypatch.setenv("PGQUEUER_DSN", f"{dsn}&application_name=PGQUEUER_DSN")
    assert await ask() == "PGQUEUER_DSN"
    settings = ConnectionSettings(dsn=f"{dsn}&application_name=settings")
    assert await ask(None, settings) == "settings"
    assert await ask(f"{dsn}&application_name=argument", settings) == "argument"


@pytest.mark.parametrize("ask", ALL)
async def test_without_dsn_the_variables_of_libpq_count(dsn, monkeypatch, ask):
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    for variable in ("host", "port", "user"):
        monkeypatch.setenv(f"PG{variable.upper()}", str(parts[variable]))
    monkeypatch.setenv("PGDATABASE", str(parts["dbname"]))
    monkeypatch.setenv("PGAPPNAME", "from the environment")

    assert await ask() == "from the environment"


@pytest.mark.parametrize("ask", ALL)
async def test_the_application_name_of_the_settings_beats_the_others(dsn, monkeypatch, ask):
    monkeypatch.setenv("PGAPPNAME", "PGAPPNAME")
    assert await ask(f"{dsn}&application_name=dsn") == "dsn"
    monkeypatch.setenv("PGQUEUER_APPLICATION_NAME", "settings")
    assert await ask(f"{dsn}&application_name=dsn") == "settings"


async def test_pools_have_the_size_of_the_settings(dsn):
    settings = ConnectionSettings(pool_min_size=2, pool_max_size=3)
    async with create_asyncpg_pool(dsn, settings) as pool:
        assert (pool.get_min_size(), pool.get_max_size()) == (2, 3)
        assert pool.get_size() == 2
    async with create_psycopg_pool(dsn, settings) as pool:
        assert (pool.min_size, pool.max_size) == (2, 3)
        assert pool.get_stats()["pool_size"] == 2


@pytest.mark.parametrize("ask", ALL[:3])
async def test_a_server_that_is_not_there_is_an_error(ask):
    with pytest.raises((OSError, psycopg.OperationalError)):
        await ask(NOWHERE)


async def test_a_psycopg_pool_waits_as_long_as_the_settings_say(monkeypatch):
    from psycopg_pool import PoolTimeout

    with pytest.raises(PoolTimeout):
        await ask_psycopg_pool(NOWHERE, ConnectionSettings(connect_timeout=0.1))


@pytest.mark.parametrize("variable", ["PGQUEUER_CONNECT_TIMEOUT", "PGCONNECT_TIMEOUT"])
async def test_asyncpg_gives_up_in_time(monkeypatch, variable):
    monkeypatch.setenv(variable, "0.05")
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        port = never_answers.getsockname()[1]
        with pytest.raises(TimeoutError):
            await ask_asyncpg(f"postgresql://x:y@127.0.0.1:{port}/z?sslmode=disable")


async def test_a_timeout_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "soon")
    with pytest.raises(ValueError, match="PGCONNECT_TIMEOUT='soon'"):
        await ask_asyncpg(NOWHERE)


async def test_libpq_gets_whole_seconds(dsn):
    async with connect_psycopg(dsn, ConnectionSettings(connect_timeout=2.1)) as connection:
        assert connection.info.get_parameters()["connect_timeout"] == "3"


async def test_psycopg_connections_are_kept_alive_unless_the_dsn_says_otherwise(dsn):
    async with connect_psycopg(dsn) as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "30"
    async with connect_psycopg(f"{dsn}&keepalives_idle=99") as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "99"


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_tcp_connections_of_asyncpg_are_kept_alive(run):
    async def options() -> dict[str, int]:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1")
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            keep_alive(writer.transport)
            connected = writer.get_extra_info("socket")
            found = {
                name: connected.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            }
            found["on"] = connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            writer.close()
            await writer.wait_closed()
            return found

    assert run(options()) == {
        "TCP_KEEPIDLE": 30,
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "on": 1,
    }


async def test_connections_of_asyncpg_are_kept_alive_from_the_start(dsn, monkeypatch):
    seen = []
    monkeypatch.setattr("pgqueuer.adapters.drivers.asyncpg_connection.keep_alive", seen.append)
    async with connect_asyncpg(dsn) as connection:
        assert isinstance(connection, asyncpg.Connection)
        assert len(seen) == 1
    async with create_asyncpg_pool(dsn):
        assert len(seen) == 2


async def test_connections_are_closed_at_the_end(dsn):
    async with connect_asyncpg(dsn) as connection:
        pass
    assert connection.is_closed()
    async with connect_psycopg(dsn) as connection:
        pass
    assert connection.closed
    async with create_asyncpg_pool(dsn) as pool:
        pass
    assert pool.is_closing()
    async with create_psycopg_pool(dsn) as pool:
        pass
    assert pool.closed


async def test_a_pool_does_not_wait_for_ever_for_its_connections(dsn, monkeypatch):
    monkeypatch.setattr("pgqueuer.adapters.connections.CLOSE_SECONDS", 0.05)
    async with create_asyncpg_pool(dsn) as pool:
        await pool.acquire()
    assert pool.is_closing()
