"""A transaction that stays open, as a report or a forgotten session does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def held_snapshot(dsn: str) -> AsyncIterator[None]:
    """While it lasts, PostgreSQL can remove no row that dies."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT count(*) FROM pg_class"
        )
        yield
    finally:
        await connection.close()
