"""A queue to measure in."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import NewJob


@asynccontextmanager
async def installed(dsn: str) -> AsyncIterator[Queries]:
    """A queue of its own in the database, removed afterwards."""
    os.environ["PGQUEUER_PREFIX"] = f"bench_{uuid.uuid4().hex[:8]}_"
    connection = await asyncpg.connect(dsn or None)
    queries = Queries(AsyncpgDriver(connection))
    for builder in (queries.qbe, queries.qbq, queries.qbs):
        builder.settings = DBSettings()
    await queries.install()
    try:
        yield queries
    finally:
        await queries.uninstall()
        await connection.close()
        del os.environ["PGQUEUER_PREFIX"]


async def fill(queries: Queries, jobs: int) -> None:
    """Put jobs into the queue and let PostgreSQL look at them."""
    await queries.enqueue_many(NewJob("noop", b"%d" % number) for number in range(jobs))
    await queries.driver.execute("VACUUM ANALYZE")
