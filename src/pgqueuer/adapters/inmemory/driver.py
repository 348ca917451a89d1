"""A driver without a database: notifications within the process, and nothing else."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import NoReturn, Self

from pgqueuer.core.logconfig import logger
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback


class InMemoryDriver:
    """Delivers notifications to the listeners of this process, before `notify` returns.

    There is no SQL behind it: jobs live in the `InMemoryQueries` that is built on it. Contexts may
    be nested; leaving the outermost one sets `shutdown` and forgets the listeners.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[NotifyCallback]] = {}
        self._shutdown = asyncio.Event()
        self._tm = TaskManager()
        self._entered = 0

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Not supported: raises NotImplementedError."""
        _refuse_sql()

    async def execute(self, query: str, *args: object) -> str:
        """Not supported: raises NotImplementedError."""
        _refuse_sql()

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call `callback` for every notification on `channel`; adding it again changes nothing."""
        callbacks = self._listeners.setdefault(channel, [])
        if callback not in callbacks:
            callbacks.append(callback)

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Stop calling `callback`; unknown ones are ignored."""
        callbacks = self._listeners.get(channel, [])
        if callback in callbacks:
            callbacks.remove(callback)

    async def notify(self, channel: str, payload: str) -> None:
        """Call every listener of `channel`; one that raises is logged and stops no other."""
        for callback in tuple(self._listeners.get(channel, ())):
            try:
                callback(payload)
            except Exception:
                logger.exception("A listener on channel %r failed", channel)

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
            self._listeners.clear()


def _refuse_sql() -> NoReturn:
    raise NotImplementedError(
        "The in-memory driver has no database to run SQL on; call the methods of InMemoryQueries, "
        "or use AsyncpgDriver or PsycopgDriver with PostgreSQL."
    )
