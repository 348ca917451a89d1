from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


@pytest.fixture
async def queue_dsn() -> AsyncIterator[str]:
    """A fresh database with the queue's schema, on the server that PGQUEUER_TEST_DSN names."""
    server = os.environ.get("PGQUEUER_TEST_DSN")
    if server is None:
        pytest.skip("PGQUEUER_TEST_DSN names no PostgreSQL server")
    name = f"plugin_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server)
    await admin.execute(f"create database {name}")
    connection = await asyncpg.connect(server, database=name)
    base, _, query = server.partition("?")
    dsn = f"{base.rpartition('/')[0]}/{name}{'?' + query if query else ''}"
    try:
        await Queries(AsyncpgDriver(connection)).install()
        yield dsn
    finally:
        await connection.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()
