"""`Queries` over connections that a test opens itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports import Driver
from pgqueuer.queries import Queries


@asynccontextmanager
async def open_queries(
    dsn: str, driver: str = "asyncpg", settings: DBSettings | None = None
) -> AsyncIterator[Queries]:
    """Over a connection of its own: `driver` is asyncpg, psycopg, or pool for eight of asyncpg."""
    async with AsyncExitStack() as stack:
        opened = await _connect(stack, dsn, driver)
        yield Queries(opened, qbe=QueryBuilderEnvironment(settings or DBSettings()))


async def _connect(stack: AsyncExitStack, dsn: str, driver: str) -> Driver:
    if driver == "psycopg":
        import psycopg

        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        stack.push_async_callback(connection.close)
        return PsycopgDriver(connection)
    import asyncpg

    if driver == "pool":
        return AsyncpgPoolDriver(
            await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=8, max_size=8))
        )
    connection = await asyncpg.connect(dsn)
    stack.push_async_callback(connection.close, timeout=5)
    return AsyncpgDriver(connection)
