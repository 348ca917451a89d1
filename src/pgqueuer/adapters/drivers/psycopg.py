"""Drivers over psycopg: an asynchronous connection, and a synchronous one for producers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from psycopg import AsyncConnection, Connection, DataError, Error, Notify
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier

from pgqueuer.adapters.drivers.base import PostgresDriver
from pgqueuer.adapters.drivers.psycopg_adapters import (
    AsyncDriverCursor,
    DriverAdapters,
    SyncDriverCursor,
    read_patiently,
)
from pgqueuer.adapters.drivers.psycopg_copy import copy_statement, encoded_blocks
from pgqueuer.adapters.drivers.psycopg_deadline import in_time
from pgqueuer.adapters.drivers.psycopg_socket import NotificationReader
from pgqueuer.adapters.drivers.psycopg_statements import Statement, StatementMemory, column_names
from pgqueuer.adapters.drivers.turns import Turns
from pgqueuer.core.logconfig import logger

AUTOCOMMIT_NEEDED: Final = (
    "The connection must be in autocommit mode; pass autocommit=True to connect(), "
    "or call set_autocommit(True)"
)

SET_UTF8: Final = b"SET client_encoding TO 'UTF8'"


class PsycopgDriver(PostgresDriver):
    """A driver over one psycopg connection, which the caller made and closes.

    The connection must be in autocommit mode, else RuntimeError is raised; with `caller_commits`
    any will do, and what is written stays when the caller commits. Calls wait for each other;
    listening makes no call wait. Statements that are repeated are prepared, unless the
    connection's `prepare_threshold` is None.

    Values are those of asyncpg: JSON comes as text, times come in UTC, and a parameter with a
    cast, such as ``$1::bytea``, takes nothing but values of that type.
    """

    def __init__(self, connection: AsyncConnection[Any], *, caller_commits: bool = False) -> None:
        if not (connection.autocommit or caller_commits):
            raise RuntimeError(AUTOCOMMIT_NEEDED)
        super().__init__()
        self._connection = connection
        self._adapters = DriverAdapters(connection)
        self._statements = StatementMemory(connection)
        self._reader = NotificationReader(connection, self.tm, self._lost)
        self._turns = Turns()
        self._pooled = False

    @property
    def closed(self) -> bool:
        """Whether the connection was closed, or lost as far as is known."""
        return self._connection.closed

    @property
    def in_transaction(self) -> bool:
        """Whether statements run in a transaction that somebody else commits."""
        return _in_transaction(self._connection)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        cursor = await self._run(query, args)
        await self._turns.give_way()
        names = column_names(cursor)
        if not names:
            return []
        try:
            rows = await cursor.fetchall()
        except DataError:
            rows = read_patiently(cursor)
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several if there are no `args`, and return the (last) status."""
        if args:
            cursor = await self._run(query, args)
        else:
            async with self._in_turn():
                await self._speak_utf8()
                cursor = AsyncDriverCursor(self._connection, self._adapters)
                await cursor.execute(query.encode(), prepare=False)
        while cursor.nextset():
            pass
        return cursor.statusmessage or ""

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        types: Sequence[str],
        rows: AsyncIterable[Sequence[object]] | Sequence[Sequence[object]],
    ) -> int:
        """Stream `rows` into `table` by one COPY and return their number.

        Types that are not known are taken for enums. `rows` must not use this driver, which is
        busy until they end.
        """
        cursor = AsyncDriverCursor(self._connection, self._adapters)
        async with self._in_turn():
            await self._speak_utf8()
            async with cursor.copy(copy_statement(table, columns)) as copy:
                async for block in encoded_blocks(types, rows):
                    await copy.write(block)
        return cursor.rowcount

    async def backend_pids(self) -> tuple[int, int]:
        """The server process as announced, and as it is now; they differ behind a pooler.

        Where they do, no statement is prepared from then on: the pooler may be in transaction
        mode, and what was prepared then is elsewhere, or another client's.
        """
        [row] = await self.fetch("SELECT pg_backend_pid() AS pid")
        announced, actual = self._connection.info.backend_pid, int(str(row["pid"]))
        self._pooled = announced != actual
        return announced, actual

    async def _run(self, query: str, args: Sequence[object]) -> AsyncDriverCursor:
        async with self._in_turn():
            return await self._run_in_turn(query, args)

    @asynccontextmanager
    async def _in_turn(self) -> AsyncGenerator[None]:
        async with self._turns.take():
            with in_time(self._connection):
                yield

    async def _run_in_turn(self, query: str, args: Sequence[object]) -> AsyncDriverCursor:
        statement = self._statements[query]
        if not statement.repeated:
            await self._speak_utf8()
        values = statement.bind(args)
        try:
            return await self._run_once(statement, values)
        except Error as error:
            if not self._statements.outdated(error):
                raise
        statement.renew()
        return await self._run_once(statement, values)

    async def _run_once(
        self, statement: Statement, values: Sequence[object] | None
    ) -> AsyncDriverCursor:
        cursor = AsyncDriverCursor(self._connection, self._adapters)
        await cursor.execute(
            statement.text,
            values,
            prepare=False if self._pooled else statement.prepare,
            binary=statement.binary,
        )
        statement.learn(cursor)
        return cursor

    async def _speak_utf8(self) -> None:
        """As asyncpg does; libpq speaks what the database is stored in."""
        if self._connection.info.encoding != "utf-8":
            await self._connection.execute(SET_UTF8)

    async def _listen(self, channel: str) -> None:
        if not self._reader.running:
            self._connection.add_notify_handler(self._heard)
            self._reader.start()
        async with self._in_turn():
            await self._connection.execute(SQL("LISTEN {}").format(Identifier(channel)))

    async def _unlisten(self, channel: str) -> None:
        if not self._connection.closed:
            async with self._in_turn():
                await self._connection.execute(SQL("UNLISTEN {}").format(Identifier(channel)))
        if not self._channels.names:
            self._stop_reading()

    def _stop_reading(self) -> None:
        if self._reader.running:
            self._reader.stop()
            self._connection.remove_notify_handler(self._heard)

    def _heard(self, notification: Notify) -> None:
        self._channels.deliver(notification.channel, notification.payload)

    def _lost(self) -> None:
        logger.error("The connection was lost; open a new one, and a new driver on it")
        self._listening_changed(False)


class SyncPsycopgDriver:
    """A driver for producers over one synchronous psycopg connection.

    The connection must be in autocommit mode, or inside ``with connection.transaction()``, else
    RuntimeError is raised: jobs would wait for a commit that nobody thinks of. With
    `caller_commits`, as where a framework runs the transactions, any connection will do.
    """

    def __init__(self, connection: Connection[Any], *, caller_commits: bool = False) -> None:
        self._connection = connection
        self._caller_commits = caller_commits
        self._adapters = DriverAdapters(connection)
        self._statements = StatementMemory(connection)
        self._require_commit()

    @property
    def in_transaction(self) -> bool:
        """Whether statements run in a transaction that somebody else commits."""
        return _in_transaction(self._connection)

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        self._require_commit()
        statement = self._statements[query]
        if self._connection.info.encoding != "utf-8":
            self._connection.execute(SET_UTF8)
        cursor = SyncDriverCursor(self._connection, self._adapters)
        cursor.execute(statement.text, statement.bind(args), binary=statement.binary)
        statement.learn(cursor)
        names = column_names(cursor)
        if not names:
            return []
        try:
            rows = cursor.fetchall()
        except DataError:
            rows = read_patiently(cursor)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _require_commit(self) -> None:
        if self._caller_commits:
            return
        status = self._connection.info.transaction_status
        if not self._connection.autocommit and status == TransactionStatus.IDLE:
            raise RuntimeError(AUTOCOMMIT_NEEDED)


def _in_transaction(connection: AsyncConnection[Any] | Connection[Any]) -> bool:
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    return not (connection.autocommit and idle)
