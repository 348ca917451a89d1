"""How the bundled drivers are opened: a context that owns the connection and enters the driver.

The driver is entered here so that its listener is given back before the connection is closed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
    from pgqueuer.adapters.inmemory import InMemoryDriver
    from pgqueuer.domain.settings import ConnectionSettings


@asynccontextmanager
async def open_asyncpg(settings: ConnectionSettings) -> AsyncGenerator[AsyncpgPoolDriver]:
    """A driver over an asyncpg pool of its own."""
    from pgqueuer.adapters.connections import create_asyncpg_pool  # noqa: PLC0415
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver  # noqa: PLC0415

    async with (
        create_asyncpg_pool(settings=settings) as pool,
        AsyncpgPoolDriver(pool) as driver,
    ):
        yield driver


@asynccontextmanager
async def open_psycopg(settings: ConnectionSettings) -> AsyncGenerator[PsycopgDriver]:
    """A driver over one psycopg connection of its own."""
    from pgqueuer.adapters.connections import connect_psycopg  # noqa: PLC0415
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver  # noqa: PLC0415

    async with (
        connect_psycopg(settings=settings) as connection,
        PsycopgDriver(connection) as driver,
    ):
        await driver.backend_pids()  # it adapts to a pooler
        yield driver


@asynccontextmanager
async def open_memory(settings: ConnectionSettings) -> AsyncGenerator[InMemoryDriver]:
    """A driver without a database; the settings say nothing to it."""
    from pgqueuer.adapters.inmemory import InMemoryDriver  # noqa: PLC0415

    async with InMemoryDriver() as driver:
        yield driver
