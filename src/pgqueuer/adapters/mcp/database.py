"""The connections of an MCP server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pgqueuer.adapters.connections import create_asyncpg_pool
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.settings import ConnectionSettings, DBSettings, db_settings

if TYPE_CHECKING:
    import asyncpg


class PgQueuerDatabase:
    """The queue behind a pool, which stays the caller's."""

    def __init__(self, pool: asyncpg.Pool, settings: DBSettings) -> None:
        self.pool = pool
        self.queries = Queries(AsyncpgPoolDriver(pool), QueryBuilderEnvironment(settings))
        self.insights = InsightsService(self.queries)

    @property
    def qbq(self) -> QueryQueueBuilder:
        """The builder of statements, with the settings."""
        return self.queries.qbq

    async def fetch(self, sql: str, *args: object) -> list[dict[str, object]]:
        """The rows of a statement."""
        return await self.queries.driver.fetch(sql, *args)


class Connection:
    """The database while the server runs; sessions that overlap share it."""

    def __init__(
        self,
        dsn: str | None,
        settings: DBSettings | None,
        connection_settings: ConnectionSettings | None,
    ) -> None:
        self._dsn = dsn
        self._settings = settings or db_settings()
        self._connection_settings = connection_settings
        self._database: PgQueuerDatabase | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[PgQueuerDatabase]:
        """Connect, unless an outer block has, and disconnect at the end of the outer one."""
        if self._database is not None:
            yield self._database
            return
        async with create_asyncpg_pool(self._dsn, self._connection_settings) as pool:
            self._database = PgQueuerDatabase(pool, self._settings)
            try:
                async with self._database.queries.driver:
                    yield self._database
            finally:
                self._database = None

    @property
    def database(self) -> PgQueuerDatabase:
        """Raises RuntimeError while the server does not run."""
        if self._database is None:
            raise RuntimeError("The MCP server is not running; call run() first")
        return self._database
