"""One connection of psqlpy that runs statements and listens, until it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from psqlpy import Connection, ConnectionPool, Listener, QueryResult
from psqlpy.exceptions import Error, PyToRustValueMappingError, RustToPyValueMappingError

from pgqueuer.core.tm import cancel_and_wait
from pgqueuer_psqlpy.errors import LOST, QUERY_CANCELED, PsqlpyError, PsqlpyValueError, translated
from pgqueuer_psqlpy.parameters import bound
from pgqueuer_psqlpy.results import ResultReader, Row

logger: Final = logging.getLogger(__name__)

_ENGLISH: Final = ("C", "POSIX", "en")
_NO_SUCH_PLAN: Final = ("0A000", "26000")


class Session:
    """A connection out of the pool's count, with its own task that hears notifications.

    `on_lost` is called once, when the connection ends by itself. One statement at a time.
    """

    def __init__(
        self,
        listener: Listener,
        deliver: Callable[[str, str], None],
        on_lost: Callable[[Session], None],
    ) -> None:
        self._listener = listener
        self._connection: Connection = listener.connection
        self._deliver = deliver
        self._on_lost = on_lost
        self._results = ResultReader()
        # Statements that the server refuses to run as they were prepared: a table has changed.
        self._unprepared: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        self.pid = 0
        # psqlpy's own `is_closed` is true of any connection.
        self.closed = False

    @classmethod
    async def open(
        cls,
        pool: ConnectionPool,
        deliver: Callable[[str, str], None],
        on_lost: Callable[[Session], None],
    ) -> Self:
        """Connect; raises PsqlpyError."""
        listener = pool.listener()
        try:
            await listener.startup()
        except Error as error:
            raise translated(error) from error
        session = cls(listener, deliver, on_lost)
        try:
            await session._prepare()
        except BaseException:
            await session.close()
            raise
        return session

    async def fetch(self, query: str, args: Sequence[object]) -> list[Row]:
        """The rows of one statement."""
        result = await self._run(query, args)
        try:
            return self._results.read(query, result)
        except RustToPyValueMappingError:
            return await self._read_with_names(query, args, result)
        finally:
            if query in self._unprepared:
                self._results.forget(query)

    async def execute(self, query: str, args: Sequence[object]) -> None:
        """Run a statement, or several if there are no arguments."""
        if args:
            await self._run(query, args)
            return
        try:
            await self._connection.execute_batch(query)
        except Error as error:
            raise self._translated(error) from error

    async def listen(self, *channels: str) -> None:
        """Deliver what is notified on the channels."""
        for channel in channels:
            await self.execute(f"LISTEN {_quoted(channel)}", ())

    async def unlisten(self, channel: str) -> None:
        """Stop delivering what is notified on the channel."""
        await self.execute(f"UNLISTEN {_quoted(channel)}", ())

    async def settle(self) -> None:
        """Wait for the end of a statement that was cancelled; a late cancellation hits this one."""
        while True:
            try:
                await self.execute("SELECT 1", ())
            except PsqlpyError as error:
                if error.sqlstate != QUERY_CANCELED:
                    raise
            else:
                return

    async def close(self) -> None:
        """End the connection."""
        self.closed = True
        if self._reading is not None:
            await cancel_and_wait(self._reading)
        await self._listener.shutdown()

    async def _prepare(self) -> None:
        self._reading = asyncio.create_task(self._read())
        query = "SELECT pg_backend_pid() AS pid, current_setting('lc_messages') AS language"
        (row,) = await self.fetch(query, ())
        self.pid = row["pid"]
        if row["language"] and not row["language"].startswith(_ENGLISH):
            await self._ask_for_english(row["language"])

    async def _ask_for_english(self, language: str) -> None:
        try:
            await self.execute("SET lc_messages = 'C'", ())
        except PsqlpyError:
            logger.warning(
                "The server's errors come in %s, and psqlpy does not tell their codes, so that "
                "duplicate jobs and the like are not recognized; run ALTER ROLE ... SET "
                "lc_messages = 'C' as a superuser, or use another driver",
                language,
            )

    async def _run(self, query: str, args: Sequence[object]) -> QueryResult:
        parameters = bound(query, args)
        try:
            return await self._send(query, parameters)
        except PsqlpyError as error:
            if error.sqlstate not in _NO_SUCH_PLAN or query in self._unprepared:
                raise
        self._unprepared.add(query)
        self._results.forget(query)
        return await self._send(query, parameters)

    async def _send(self, query: str, parameters: list[Any]) -> QueryResult:
        prepared = query not in self._unprepared
        try:
            return await self._connection.fetch(query, parameters or None, prepared=prepared)
        except (TypeError, ValueError, OverflowError, PyToRustValueMappingError) as error:
            raise PsqlpyValueError(str(error)) from error
        except Error as error:
            raise self._translated(error) from error

    def _translated(self, error: Error) -> PsqlpyError:
        known = translated(error)
        if known.sqlstate in LOST:
            self.closed = True
        return known

    async def _read_with_names(
        self, query: str, args: Sequence[object], result: QueryResult
    ) -> list[Row]:
        # Without parameters psqlpy does not ask the server; the statement is not run here.
        statement = await self._connection.prepare(query, bound(query, args) or [None])
        names = list(dict.fromkeys(column.name for column in statement.columns()))
        try:
            return self._results.learn(query, result, names)
        except RustToPyValueMappingError as error:
            raise PsqlpyError(f"{error}; cast the column in the statement, as to text") from error

    async def _read(self) -> None:
        try:
            async for message in self._listener:
                self._deliver(message.channel, message.payload)
        except Error as error:
            logger.debug("psqlpy hears nothing any more", exc_info=error)
        self.closed = True
        self._on_lost(self)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
