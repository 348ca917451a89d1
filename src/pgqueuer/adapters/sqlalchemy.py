"""Drivers over SQLAlchemy's sessions and connections, so that jobs share their transactions.

Statements run on the connection underneath, by the driver for it: what they take, return and
raise is the same as without SQLAlchemy. SQLAlchemy is never imported here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, MutableMapping, Sequence
from typing import Any, Final, Protocol

from pgqueuer.adapters.drivers.base import PostgresDriver
from pgqueuer.adapters.drivers.borrowed import driver_over, sync_driver_over
from pgqueuer.ports.driver import BulkCopier, SyncDriver

DRIVER: Final = "pgqueuer.driver"
"""Where the `info` of a connection keeps the driver, for as long as it stays connected."""


class SyncConnection(Protocol):
    """What is used of a `sqlalchemy.Connection`."""

    @property
    def connection(self) -> Any: ...

    @property
    def info(self) -> MutableMapping[Any, Any]: ...

    def in_transaction(self) -> bool: ...

    def begin(self) -> object: ...


class SyncSession(Protocol):
    """What is used of a `Session`, scoped or not."""

    def connection(self) -> SyncConnection: ...


class AsyncConnection(Protocol):
    """What is used of a `sqlalchemy.ext.asyncio.AsyncConnection`."""

    async def get_raw_connection(self) -> Any: ...

    @property
    def info(self) -> MutableMapping[Any, Any]: ...

    def in_transaction(self) -> bool: ...

    async def exec_driver_sql(self, statement: str) -> object: ...


class AsyncSession(Protocol):
    """What is used of an `AsyncSession`, scoped or not."""

    def connection(self) -> Awaitable[AsyncConnection]: ...


class SyncSqlAlchemyDriver:
    """For `SyncQueries`, over a `Session` or `Connection` of psycopg or psycopg2.

    Each call is part of the transaction that the session or connection is in, and begins one if
    there is none, as SQLAlchemy's own calls do. It is committed by you.
    """

    def __init__(self, source: SyncSession | SyncConnection) -> None:
        self._source = source

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        return self._driver().fetch(query, *args)

    def _driver(self) -> SyncDriver:
        source: Any = self._source
        own = hasattr(source, "exec_driver_sql")
        connection: SyncConnection = source if own else source.connection()
        if not connection.in_transaction():
            connection.begin()
        driver: SyncDriver | None = connection.info.get(DRIVER)
        if driver is None:
            driver = sync_driver_over(connection.connection.driver_connection)
            connection.info[DRIVER] = driver
        return driver


class SqlAlchemyDriver(PostgresDriver):
    """For `Queries`, over an `AsyncSession` or `AsyncConnection` of asyncpg or psycopg.

    Each call is part of the transaction that the session or connection is in, and begins one if
    there is none, as SQLAlchemy's own calls do. It is committed by you. Calls wait for each other,
    but not for what else the session is used for.

    Listening raises RuntimeError, because a pool of SQLAlchemy takes its connections back: run
    workers and watchers over another driver.
    """

    def __init__(self, source: AsyncSession | AsyncConnection) -> None:
        super().__init__()
        self._source = source
        self._lock = asyncio.Lock()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        async with self._lock:
            return await (await self._driver()).fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several if there are no `args`, and return the (last) status."""
        async with self._lock:
            return await (await self._driver()).execute(query, *args)

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        types: Sequence[str],
        rows: AsyncIterable[Sequence[object]] | Sequence[Sequence[object]],
    ) -> int:
        """Stream `rows` into `table` by one COPY and return their number.

        `rows` must not use the session, which is busy until they end.
        """
        async with self._lock:
            driver = await self._driver()
            if not isinstance(driver, BulkCopier):
                raise TypeError(f"{type(driver).__name__} can not copy rows")
            return await driver.copy_rows(table, columns, types, rows)

    async def _driver(self) -> PostgresDriver:
        source: Any = self._source
        own = hasattr(source, "exec_driver_sql")
        connection: AsyncConnection = source if own else await source.connection()
        raw = (await connection.get_raw_connection()).driver_connection
        if not connection.in_transaction() or _waits_to_begin(raw):
            # SQLAlchemy begins with its first statement, and does not see ours.
            await connection.exec_driver_sql("SELECT 1")
        driver: PostgresDriver | None = connection.info.get(DRIVER)
        if driver is None:
            driver = connection.info[DRIVER] = driver_over(raw)
        return driver

    async def _listen(self, channel: str) -> None:
        raise RuntimeError(
            "Connections of SQLAlchemy can not listen; open another driver with pgqueuer.connect()"
        )

    async def _unlisten(self, channel: str) -> None:
        """Nothing was listened to."""


def _waits_to_begin(raw: Any) -> bool:
    """Whether this is a connection of asyncpg, which SQLAlchemy puts into a transaction late."""
    in_transaction = getattr(raw, "is_in_transaction", None)
    return in_transaction is not None and not in_transaction()
