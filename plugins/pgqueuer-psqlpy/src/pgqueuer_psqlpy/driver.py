"""The driver: one connection of psqlpy, which is replaced when it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from psqlpy import ConnectionPool

from pgqueuer.core.backoff import Backoff
from pgqueuer.core.tm import cancel_and_wait
from pgqueuer.db import PostgresDriver
from pgqueuer_psqlpy.session import Session

logger: Final = logging.getLogger(__name__)

CANCEL_SECONDS: Final = 10.0


class PsqlpyDriver(PostgresDriver):
    """A driver over one connection that it opens as the `pool` would, and closes in `close`.

    Calls wait for each other. When the connection is lost, the call that runs fails, and the next
    one opens another connection; a driver that listens does so by itself, in the background. The
    caller made the pool and closes it. One more connection is taken from it for a moment when a
    call is cancelled.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__()
        self._pool = pool
        self._session: Session | None = None
        self._lock = asyncio.Lock()
        self._replacing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called; a connection that was lost is replaced."""
        return self._closed

    async def fetch(self, query: str, *args: object) -> list[dict[str, Any]]:
        """Run one statement and return its rows; none if it returns no rows."""
        async with self._in_turn() as session:
            return await session.fetch(query, args)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several if there are no `args`.

        Returns an empty text: psqlpy does not tell the status of a command.
        """
        async with self._in_turn() as session:
            await session.execute(query, args)
        return ""

    async def backend_pids(self) -> tuple[int, int]:
        """The server process as it was when the connection was opened, and as it is now."""
        async with self._in_turn() as session:
            (row,) = await session.fetch("SELECT pg_backend_pid() AS pid", ())
            return session.pid, int(row["pid"])

    async def close(self) -> None:
        """End the connection; later calls raise RuntimeError."""
        self._closed = True
        if self._replacing is not None:
            await cancel_and_wait(self._replacing)
        async with self._lock:
            session, self._session = self._session, None
            if session is not None:
                await session.close()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncGenerator[Session]:
        await self._lock.acquire()
        stopping = False
        session: Session | None = None
        try:
            session = await self._open_session()
            yield session
        except asyncio.CancelledError:
            if session is not None:
                # The statement still runs on the server; the turn ends when it has ended there.
                stopping = True
                self._tm.add(asyncio.create_task(self._stop_statement(session)))
            raise
        finally:
            if not stopping:
                self._lock.release()

    async def _open_session(self) -> Session:
        if self._closed:
            raise RuntimeError("The driver was closed; open another one")
        session = self._session
        if session is not None and not session.closed:
            return session
        if session is not None:
            # A statement may learn of it before the task that listens does.
            self._lost(session)
        session = await Session.open(self._pool, self._channels.deliver, self._lost)
        try:
            await session.listen(*self._channels.names)
        except BaseException:
            await session.close()
            raise
        self._session = session
        return session

    async def _stop_statement(self, session: Session) -> None:
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._cancel(session.pid)
                await session.settle()
        except Exception:
            logger.warning("A cancelled statement may still run", exc_info=True)
            self._lost(session)
        finally:
            self._lock.release()

    async def _cancel(self, pid: int) -> None:
        connection = await self._pool.connection()
        try:
            await connection.execute("SELECT pg_cancel_backend($1::int)", [pid])
        finally:
            connection.close()

    async def _listen(self, channel: str) -> None:
        async with self._in_turn() as session:
            await session.listen(channel)

    async def _unlisten(self, channel: str) -> None:
        if self._session is not None and not self._session.closed:
            async with self._in_turn() as session:
                await session.unlisten(channel)

    def _lost(self, session: Session) -> None:
        if session is not self._session or self._closed:
            return
        self._session = None
        self._tm.add(asyncio.create_task(session.close()))
        logger.warning("The connection was lost; another one replaces it")
        self._listening_changed(False)
        if self._channels.names and (self._replacing is None or self._replacing.done()):
            self._replacing = asyncio.create_task(self._replace_session())
            self._tm.add(self._replacing)

    async def _replace_session(self) -> None:
        backoff = Backoff()
        while not self._closed and self._channels.names:
            try:
                async with self._in_turn():
                    pass
            except Exception as error:
                logger.warning("There is no connection to listen on yet", exc_info=error)
                await asyncio.sleep(backoff.next_delay())
            else:
                logger.info("Listening again, on another connection")
                self._listening_changed(True)
                return
