"""The connection of a pool that listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pgqueuer.adapters.drivers.asyncpg_session import clean_up, in_time, is_open, told_when_lost
from pgqueuer.core.logconfig import logger
from pgqueuer.ports.statements import statement_seconds

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from pgqueuer.adapters.drivers.asyncpg_session import SessionOptions


class PoolListener:
    """A connection that is kept out of the pool to listen, and lent for statements meanwhile.

    `on_lost` is called once, when the connection ends by itself.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        connection: PoolConnectionProxy[Any],
        deliver: Callable[[str, str], None],
        on_lost: Callable[[PoolListener], None],
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._deliver = deliver
        self._on_lost = on_lost
        self._busy = asyncio.Lock()
        self._channels: set[str] = set()
        self._ended = False

    @classmethod
    async def open(
        cls,
        pool: asyncpg.Pool[Any],
        options: SessionOptions,
        channels: Iterable[str],
        deliver: Callable[[str, str], None],
        on_lost: Callable[[PoolListener], None],
    ) -> PoolListener:
        """Take a connection out of the pool and listen on the channels, or raise."""
        connection = await pool.acquire(timeout=statement_seconds())
        listener = cls(pool, connection, deliver, on_lost)
        try:
            connection.add_termination_listener(listener._terminated)
            await options.apply_anew(connection)
            await listener.listen(*channels)
        except BaseException:
            listener.discard()
            raise
        return listener

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        # A pool takes a lost connection back before it tells the termination listeners.
        return self._ended or not is_open(self._connection)

    @property
    def free(self) -> bool:
        """Whether a statement could run on it at once."""
        return not self._busy.locked() and not self.closed

    @asynccontextmanager
    async def borrowed(self) -> AsyncGenerator[PoolConnectionProxy[Any]]:
        """The connection for a statement; what is left of a transaction is rolled back."""
        async with self._busy:
            with told_when_lost(self._connection):
                try:
                    async with in_time(self._connection):
                        yield self._connection
                finally:
                    # Nothing is heard in a transaction. A pool rolls it back, too.
                    if not self.closed and self._connection.is_in_transaction():
                        logger.warning("A transaction was left open; rolling it back")
                        await self._connection.execute("ROLLBACK")

    async def listen(self, *channels: str) -> None:
        """Deliver what is notified on the channels."""
        async with self._busy:
            with told_when_lost(self._connection):
                async with in_time(self._connection):
                    await self._listen(channels)

    async def _listen(self, channels: Iterable[str]) -> None:
        for channel in channels:
            if channel not in self._channels:
                await self._connection.add_listener(channel, self._heard)
                self._channels.add(channel)

    async def unlisten(self, channel: str) -> None:
        """Stop delivering what is notified on `channel`."""
        self._channels.discard(channel)
        async with self._busy:
            if not self.closed:
                with told_when_lost(self._connection):
                    async with in_time(self._connection):
                        await self._connection.remove_listener(channel, self._heard)

    async def release(self) -> None:
        """Give the connection back to the pool, without its listeners."""
        self._ended = True
        async with self._busy:
            try:
                if is_open(self._connection):
                    self._connection.remove_termination_listener(self._terminated)
                    for channel in self._channels:
                        await self._connection.remove_listener(channel, self._heard)
                await self._pool.release(self._connection)
            except Exception:
                logger.warning("The listening connection is closed uncleanly", exc_info=True)
                self.discard()

    def discard(self) -> None:
        """End the connection at once; the pool makes a new one when it needs one."""
        self._ended = True
        if is_open(self._connection):
            self._connection.terminate()
        else:
            clean_up(self._connection)

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._deliver(channel, str(payload))

    def _terminated(self, _connection: object) -> None:
        if not self._ended:
            self._ended = True
            self._on_lost(self)
