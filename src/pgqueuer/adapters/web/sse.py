"""Telling open pages that the queue has changed, with server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from pgqueuer.core.listeners import notice_callback
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import AnyEvent
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

DEBOUNCE_SECONDS: Final = 0.25
KEEPALIVE_SECONDS: Final = 15.0
SUBSCRIBER_QUEUE: Final = 8

FIRST: Final = "retry: 3000\n\n"
CHANGE: Final = "event: queue-change\ndata: {}\n\n"
KEEPALIVE: Final = ": keepalive\n\n"


class Broadcaster:
    """Passes changes on to every open page, at most four times a second.

    A page that does not keep up misses changes, not its connection: the next one tells it as much.
    `closed` says that every stream has to end.
    """

    def __init__(self, *, debounce: float = DEBOUNCE_SECONDS) -> None:
        self._debounce = debounce
        self._subscribers: set[asyncio.Queue[None]] = set()
        self.closed = False
        self._pending: asyncio.TimerHandle | None = None

    def publish(self) -> None:
        """Say that something changed; several calls in a row are one change."""
        if self._pending is None and self._subscribers:
            loop = asyncio.get_running_loop()
            self._pending = loop.call_later(self._debounce, self._tell)

    def _tell(self) -> None:
        self._pending = None
        for queue in self._subscribers:
            if not queue.full():
                queue.put_nowait(None)

    def close(self) -> None:
        """End every stream; a server waits for them before it stops."""
        self.closed = True
        self._tell()

    @contextmanager
    def subscription(self) -> Iterator[asyncio.Queue[None]]:
        """A queue that gets an item for each change."""
        queue: asyncio.Queue[None] = asyncio.Queue(SUBSCRIBER_QUEUE)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)

    @asynccontextmanager
    async def following(self, driver: Driver, channel: Channel) -> AsyncGenerator[None]:
        """Publish what is notified on `channel`; where one can not listen, pages only poll."""

        def changed(event: AnyEvent) -> None:
            self.publish()

        callback = notice_callback(changed, on_operation=lambda operation: self.publish())
        try:
            await driver.add_listener(channel, callback)
        except Exception:
            logger.warning("The web page can not listen to the queue and polls it", exc_info=True)
        try:
            yield
        finally:
            if self._pending is not None:
                self._pending.cancel()


async def event_stream(
    broadcaster: Broadcaster, *, keepalive: float = KEEPALIVE_SECONDS
) -> AsyncIterator[str]:
    """The text of an event stream, until the page is closed."""
    with broadcaster.subscription() as changes:
        yield FIRST
        while not broadcaster.closed:
            try:
                async with asyncio.timeout(keepalive):
                    await changes.get()
            except TimeoutError:
                yield KEEPALIVE
            else:
                yield CHANGE
