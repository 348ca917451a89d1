"""A schema of its own to measure in; nothing else in the database is touched."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings

KEPT = "PGQUEUER_EMBEDDED_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An empty schema, and a connection whose search path it is."""

    dsn: str
    schema: str
    prefix: str
    connection: asyncpg.Connection
    queries: Queries

    def environment(self) -> dict[str, str]:
        """The environment of a process that works here."""
        return {
            **os.environ,
            "PGDSN": self.dsn,
            "PGQUEUER_SCHEMA": self.schema,
            "PGQUEUER_PREFIX": self.prefix,
        }

    async def wal(self) -> int | None:
        """Where the log of the server ends, in bytes; None where one may not ask."""
        try:
            place = await self.connection.fetchval(
                "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
            )
        except asyncpg.PostgresError:
            return None
        return int(place)


@asynccontextmanager
async def new_place(dsn: str) -> AsyncIterator[Place]:
    """A schema that nobody else has, dropped at the end with all that is in it.

    Raises asyncpg's DuplicateSchemaError, and drops nothing, should it exist.
    """
    number = uuid.uuid4().hex[:8]
    schema, prefix = f"pgqueuer_bench_{number}", f"bench_{number}_"
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        try:
            settings = DBSettings(db_schema=schema, prefix=prefix)
            queries = Queries(AsyncpgDriver(connection), qbe=QueryBuilderEnvironment(settings))
            yield Place(
                dsn=dsn, schema=schema, prefix=prefix, connection=connection, queries=queries
            )
        finally:
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.close()


def forget_settings() -> None:
    """Remove what the environment says about queues: it could lead to tables that exist."""
    bare = {field.upper() for field in DBSettings.model_fields}
    for variable in list(os.environ):
        name = variable.upper()
        if name in bare or (name.startswith("PGQUEUER_") and not name.startswith(KEPT)):
            del os.environ[variable]
