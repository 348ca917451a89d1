from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

Connect = Callable[[], Awaitable[Queries]]


@pytest.fixture
async def connect(queue_dsn: str) -> AsyncIterator[Connect]:
    """Makes `Queries`, each over a connection of its own."""
    async with AsyncExitStack() as stack:

        async def make() -> Queries:
            connection = await asyncpg.connect(queue_dsn)
            stack.push_async_callback(connection.close, timeout=5)
            return Queries(AsyncpgDriver(connection))

        yield make


@pytest.fixture
async def queries(connect: Connect) -> Queries:
    """The test's own view of the queue."""
    return await connect()
