"""Steps that tests of the drivers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import psycopg

from pgqueuer.ports.driver import Driver

PATIENCE = 30.0


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition is true, and fails when that takes too long."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def backend_of(driver: Driver) -> int:
    """The process that runs the statements of a driver over one connection."""
    (row,) = await driver.fetch("SELECT pg_backend_pid() AS pid")
    pid = row["pid"]
    assert isinstance(pid, int)
    return pid


@asynccontextmanager
async def asyncpg_connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as a user makes it."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def admin_of(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Another connection to the same database."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection


async def terminate(admin: psycopg.AsyncConnection, pid: int) -> None:
    """Ends the connection of a process, and waits until it is gone."""
    await admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


async def until_sleeping(admin: psycopg.AsyncConnection, pid: int) -> None:
    """Returns when the process runs pg_sleep()."""
    async with asyncio.timeout(PATIENCE):
        while True:
            cursor = await admin.execute(
                "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", (pid,)
            )
            if cursor.rowcount:
                return
