"""What the driver needs; imported when somebody uses it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.domain.settings import ConnectionSettings


async def fetch_token() -> str:
    return secrets.token_hex(16)


@asynccontextmanager
async def open_pool(settings: ConnectionSettings) -> AsyncGenerator[AsyncpgPoolDriver]:
    async with (
        asyncpg.create_pool(
            settings.dsn,
            min_size=settings.pool_min_size,
            max_size=settings.pool_max_size,
            password=fetch_token,
        ) as pool,
        AsyncpgPoolDriver(pool) as driver,
    ):
        yield driver
