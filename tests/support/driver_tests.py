"""Steps that tests of the drivers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
async def admin_of(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Another connection to the same database."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection


async def terminate(admin: psycopg.AsyncConnection, pid: int) -> None:
    """Ends the connection of a process, and waits until it is gone."""
    await admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


async def listening_backends(admin: psycopg.AsyncConnection) -> list[int]:
    """Processes of the database whose last statement was LISTEN."""
    cursor = await admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
    )
    return [pid for (pid,) in await cursor.fetchall()]
