"""What the asynchronous PostgreSQL drivers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pgqueuer.adapters.drivers.channels import Channels
from pgqueuer.core.logconfig import logger
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback

ListeningCallback = Callable[[bool], None]
"""Called with False when nothing is heard any more, and with True when it is again."""


class PostgresDriver:
    """Contexts, listeners and notifications, over the statements and the LISTEN of a subclass.

    Contexts may be nested; leaving the outermost one sets `shutdown` and removes the listeners,
    and entering again clears `shutdown`. The connection itself belongs to the caller and is never
    closed.

    For drivers of one's own too: a subclass has `fetch`, `execute`, `_listen` and `_unlisten`. It
    calls `_channels.deliver(channel, payload)` for each notification, in the event loop. One that
    replaces a lost connection listens there to all of `_channels.names`, and tells of both by
    `_listening_changed`. `_tm` keeps its background tasks.
    """

    def __init__(self) -> None:
        self._shutdown = asyncio.Event()
        self._tm = TaskManager()
        self._entered = 0
        self._channels = Channels()
        self._listening_callbacks: list[ListeningCallback] = []
        # LISTEN and UNLISTEN of one channel must reach the server in the order of the calls.
        self._listener_change = asyncio.Lock()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        raise NotImplementedError

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several if there are no `args`, and return the (last) status."""
        raise NotImplementedError

    async def notify(self, channel: str, payload: str) -> None:
        """Send a notification; it goes out when the transaction, if there is one, commits."""
        await self.execute("SELECT pg_notify($1::text, $2::text)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call `callback` for every notification on `channel`; adding it again changes nothing.

        Any channel name will do, and its case counts. A callback that raises is logged. Raises
        what the database raises, and then does not listen.
        """
        async with self._listener_change:
            if not self._channels.add(channel, callback):
                return
            try:
                await self._listen(channel)
            except BaseException:
                self._channels.remove(channel, callback)
                raise

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Stop calling `callback`; unknown ones are ignored."""
        async with self._listener_change:
            if self._channels.remove(channel, callback):
                await self._unlisten(channel)

    def watch_listening(self, callback: ListeningCallback) -> None:
        """Call `callback` when the connection that listens is lost, and when it is replaced.

        Notifications sent in between are lost: whoever relies on them looks for himself then.
        """
        if callback not in self._listening_callbacks:
            self._listening_callbacks.append(callback)

    def unwatch_listening(self, callback: ListeningCallback) -> None:
        """Stop calling `callback`; unknown ones are ignored."""
        if callback in self._listening_callbacks:
            self._listening_callbacks.remove(callback)

    @property
    def shutdown(self) -> asyncio.Event:
        """Set when the outermost context was left."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """The background tasks of this driver."""
        return self._tm

    async def __aenter__(self) -> Self:
        self._entered += 1
        self._shutdown.clear()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered -= 1
        if not self._entered:
            self._shutdown.set()
            await self._leave()

    async def _leave(self) -> None:
        async with self._listener_change:
            channels = self._channels.names
            self._channels.clear()
            for channel in channels:
                try:
                    await self._unlisten(channel)
                except Exception:
                    logger.warning(
                        "The listener on %r could not be removed", channel, exc_info=True
                    )

    async def _listen(self, channel: str) -> None:
        """Make the server send what is notified on `channel`."""
        raise NotImplementedError

    async def _unlisten(self, channel: str) -> None:
        """Take `_listen` back; nothing to do on a connection that was lost."""
        raise NotImplementedError

    def _listening_changed(self, listening: bool) -> None:
        """Tell those who watch that notifications are lost from now on, or heard again."""
        for callback in tuple(self._listening_callbacks):
            try:
                callback(listening)
            except Exception:
                logger.exception("A callback of watch_listening failed")
