"""Fixtures over a real PostgreSQL; opt in with `pytest_plugins = ["pgqueuer.testing.fixtures"]`.

Put that line into the `conftest.py` at the root of your tests. The server is the one that
PGQUEUER_TEST_DSN names, a URI whose user may create databases; else an embedded one, from
`pip install 'pgqueuer[embedded]'`, whose data is deleted at the end. Override `queue_server_dsn`
to name another.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, PgQueuer, Queries

if TYPE_CHECKING:
    # Its class takes type arguments for type checkers only.
    Pool = asyncpg.Pool[asyncpg.Record]

SERVER: Final = "PGQUEUER_TEST_DSN"

UNSAFE_BUT_FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def queue_server_dsn(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A server whose user may create databases."""
    named = os.environ.get(SERVER)
    if named:
        yield named
        return
    from pgqueuer.adapters import embedded  # noqa: PLC0415 - needs the extra

    folder: Path = tmp_path_factory.mktemp("postgres")
    with embedded.start(folder, options=UNSAFE_BUT_FAST) as server:
        yield server.dsn("postgres")


@pytest_asyncio.fixture
async def queue_dsn(queue_server_dsn: str) -> AsyncGenerator[str]:
    """The URI of a fresh database with the queue's tables."""
    name = f"pgqueuer_{uuid.uuid4().hex}"
    await execute(queue_server_dsn, f"CREATE DATABASE {name}")
    try:
        dsn = of_database(queue_server_dsn, name)
        connection = await asyncpg.connect(dsn)
        try:
            await Queries(AsyncpgDriver(connection)).install()
        finally:
            await connection.close()
        yield dsn
    finally:
        await execute(queue_server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def queue_pool(queue_dsn: str) -> AsyncGenerator[Pool]:
    """An asyncpg pool over the fresh database."""
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=5) as pool:
        yield pool


@pytest.fixture
def queries(queue_pool: Pool) -> Queries:
    """The store in the fresh database."""
    return Queries(AsyncpgPoolDriver(queue_pool))


@pytest.fixture
def pgq(queue_pool: Pool) -> PgQueuer:
    """A worker over the fresh database; register handlers, enqueue, and `await drain(pgq)`."""
    return PgQueuer(AsyncpgPoolDriver(queue_pool))


@pytest.fixture
def memory_pgq() -> PgQueuer:
    """A worker over a queue inside the process, without a database."""
    return PgQueuer.in_memory()


async def execute(dsn: str, statement: str) -> None:
    """Run one statement outside of a transaction."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def of_database(dsn: str, name: str) -> str:
    """The URI of another database of the same server."""
    parts = urlsplit(dsn)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"
