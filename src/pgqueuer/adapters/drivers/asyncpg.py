"""Drivers over asyncpg: one connection, or a pool."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from pgqueuer.adapters.drivers.asyncpg_listener import PoolListener
from pgqueuer.adapters.drivers.asyncpg_pooled import backend_pids, warn_of_names
from pgqueuer.adapters.drivers.asyncpg_reset import SparedReset, has_setup
from pgqueuer.adapters.drivers.asyncpg_session import (
    SessionOptions,
    in_time,
    is_open,
    told_when_lost,
)
from pgqueuer.adapters.drivers.base import PostgresDriver
from pgqueuer.adapters.drivers.turns import Turns
from pgqueuer.core.backoff import Backoff
from pgqueuer.core.logconfig import logger
from pgqueuer.core.tm import cancel_and_wait
from pgqueuer.ports.statements import leaves_no_trace, statement_seconds, statements_within

if TYPE_CHECKING:
    import asyncpg

    from pgqueuer.adapters.drivers.asyncpg_session import AnyConnection

LISTEN_SECONDS: Final = 30.0
"""How long it may take to replace the connection that listens, at each attempt."""

_NAME_PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


class AsyncpgDriver(PostgresDriver):
    """A driver over one asyncpg connection, which the caller made and closes.

    Calls wait for each other. PGOPTIONS, which asyncpg ignores, is applied before the first
    statement, unless the connection was opened with the same settings.
    """

    def __init__(self, connection: AnyConnection) -> None:
        super().__init__()
        self._connection = connection
        self._turns = Turns()
        self._options = SessionOptions()

    @property
    def closed(self) -> bool:
        """Whether the connection was closed or lost."""
        return not is_open(self._connection)

    @property
    def in_transaction(self) -> bool:
        """Whether statements run in a transaction of the caller's."""
        return bool(self._connection.is_in_transaction())

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        async with self._in_turn():
            rows = await self._connection.fetch(query, *args)
        await self._turns.give_way()
        return _as_dicts(rows)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several if there are no `args`, and return the (last) status."""
        async with self._in_turn():
            return await self._connection.execute(query, *args)

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        types: Sequence[str],
        rows: AsyncIterable[Sequence[object]] | Sequence[Sequence[object]],
    ) -> int:
        """Stream `rows` into `table` by one COPY and return their number.

        asyncpg asks the server for the types and leaves `types` alone. `rows` must not use this
        driver, which is busy until they end.
        """
        async with self._in_turn():
            return await _copy_records(self._connection, table, columns, rows)

    async def backend_pids(self) -> tuple[int, int]:
        """The server process as announced, and as it is now; they differ behind a pooler.

        Where they do, a connection that gives names to its statements is warned of.
        """
        async with self._in_turn():
            announced, actual = await backend_pids(self._connection)
            if announced != actual:
                warn_of_names(self._connection)
        return announced, actual

    @asynccontextmanager
    async def _in_turn(self) -> AsyncGenerator[None]:
        async with self._turns.take():
            with told_when_lost(self._connection):
                async with in_time(self._connection):
                    await self._options.apply(self._connection)
                    yield

    async def _listen(self, channel: str) -> None:
        async with self._in_turn():
            await self._connection.add_listener(channel, self._heard)
        self._connection.add_termination_listener(self._lost)

    async def _unlisten(self, channel: str) -> None:
        if not is_open(self._connection):
            return
        if not self._channels.names:
            self._connection.remove_termination_listener(self._lost)
        async with self._in_turn():
            await self._connection.remove_listener(channel, self._heard)

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._channels.deliver(channel, str(payload))

    def _lost(self, _connection: object) -> None:
        logger.error("The connection was lost; open a new one, and a new driver on it")
        self._listening_changed(False)


class AsyncpgPoolDriver(PostgresDriver):
    """A driver over an asyncpg pool, which the caller made and closes.

    The first listener takes a connection out of the pool for as long as the driver is entered.
    Statements run on it too while it is free, because a connection that goes back to the pool
    costs a round trip to reset it; others take one from the pool. `enqueue` leaves nothing in its
    session and spares the reset, unless PGOPTIONS or the pool's `setup` changes sessions. When the
    listening connection is lost, another one takes its place in the background.

    PGOPTIONS, which asyncpg ignores, is applied to every connection, unless the pool opens them
    with the same settings.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        super().__init__()
        self._pool = pool
        self._options = SessionOptions()
        self._listener: PoolListener | None = None
        self._replacing: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether the pool was closed; a pool replaces connections that were lost."""
        return self._pool.is_closing()

    @property
    def in_transaction(self) -> bool:
        """Never: each statement may run on another connection."""
        return False

    @property
    def alike_sessions(self) -> bool:
        """Whether no caller's statement is in a session, or a transaction, of the caller's own."""
        return not has_setup(self._pool)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        async with self._connection() as connection:
            rows = await connection.fetch(query, *args)
        return _as_dicts(rows)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several if there are no `args`, and return the (last) status."""
        async with self._connection() as connection:
            return await connection.execute(query, *args)

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        types: Sequence[str],
        rows: AsyncIterable[Sequence[object]] | Sequence[Sequence[object]],
    ) -> int:
        """Stream `rows` into `table` by one COPY and return their number.

        asyncpg asks the server for the types and leaves `types` alone.
        """
        async with self._from_pool() as connection:
            return await _copy_records(connection, table, columns, rows)

    async def backend_pids(self) -> tuple[int, int]:
        """Of one connection the server process as announced, and as it is now.

        Where they differ, a connection that gives names to its statements is warned of.
        """
        async with self._from_pool() as connection:
            announced, actual = await backend_pids(connection)
            if announced != actual:
                warn_of_names(connection)
        return announced, actual

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[AnyConnection]:
        listener = self._listener
        if listener is not None and listener.free:
            async with listener.borrowed() as connection:
                yield connection
        else:
            async with self._from_pool() as connection:
                yield connection

    @asynccontextmanager
    async def _from_pool(self) -> AsyncGenerator[AnyConnection]:
        # The pool keeps to the timeout when it takes the connection back, too.
        with SparedReset(self._pool) as reset:
            async with (
                self._pool.acquire(timeout=statement_seconds()) as connection,
                in_time(connection),
            ):
                await self._options.apply_anew(connection)
                yield connection
                if leaves_no_trace() and not self._options.wanted:
                    reset.spare(connection)

    async def _listen(self, channel: str) -> None:
        if self._pool.get_max_size() < 2:
            raise RuntimeError(
                "The pool has room for one connection and the listener takes it; "
                "create the pool with max_size=2 or more"
            )
        if self._listener is not None and not self._listener.closed:
            await self._listener.listen(channel)
            return
        self._listener = await self._open_listener()

    async def _unlisten(self, channel: str) -> None:
        if self._listener is not None:
            await self._listener.unlisten(channel)
        if not self._channels.names and not self._entered:
            await self._release_listener()

    async def _leave(self) -> None:
        if self._replacing is not None:
            await cancel_and_wait(self._replacing)
        async with self._listener_change:
            self._channels.clear()
            await self._release_listener()

    async def _release_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.release()

    async def _open_listener(self) -> PoolListener:
        return await PoolListener.open(
            self._pool, self._options, self._channels.names, self._channels.deliver, self._lost
        )

    def _lost(self, listener: PoolListener) -> None:
        if listener is not self._listener:
            return
        self._listener = None
        if self._pool.is_closing():
            return
        logger.warning("The connection that listens was lost; another one replaces it")
        self._listening_changed(False)
        self._replacing = asyncio.create_task(self._replace_listener())
        self._tm.add(self._replacing)

    async def _replace_listener(self) -> None:
        backoff = Backoff()
        while not self._pool.is_closing():
            await asyncio.sleep(backoff.next_delay())
            try:
                with statements_within(LISTEN_SECONDS):
                    await self._listen_again()
            except Exception as error:
                logger.warning("There is no connection to listen on yet", exc_info=error)
            else:
                return

    async def _listen_again(self) -> None:
        # Opened before the lock is taken: it may last, and nobody should wait for it to leave.
        listener = await self._open_listener()
        try:
            async with self._listener_change:
                if self._listener is None and self._channels.names:
                    await listener.listen(*self._channels.names)
                    self._listener = listener
                else:
                    await listener.release()
        except BaseException:
            listener.discard()
            raise
        logger.info("Listening again, on another connection")
        self._listening_changed(True)


def _as_dicts(rows: Sequence[asyncpg.Record]) -> list[dict[str, object]]:
    """The rows with their names, which are looked up once."""
    names = list(rows[0].keys()) if rows else []
    return [dict(zip(names, row, strict=False)) for row in rows]


async def _copy_records(
    connection: AnyConnection,
    table: str,
    columns: Sequence[str],
    rows: AsyncIterable[Sequence[object]] | Sequence[Sequence[object]],
) -> int:
    schema, name = _split_name(table)
    status = await connection.copy_records_to_table(
        name, schema_name=schema, columns=list(columns), records=rows
    )
    return int(status.rpartition(" ")[2])


def _split_name(table: str) -> tuple[str | None, str]:
    """SQL text such as ``"s"."t"`` as its names, because asyncpg quotes them itself."""
    parts = [
        quoted.replace('""', '"') or plain.lower() for quoted, plain in _NAME_PART.findall(table)
    ]
    if len(parts) > 2 or not parts:
        raise ValueError(f"{table!r} is not a table, nor a schema and a table")
    return (parts[0] if len(parts) == 2 else None), parts[-1]
