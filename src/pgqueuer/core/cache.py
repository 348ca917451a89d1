"""A value that is fetched again when it is too old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class _Unset(Enum):
    UNSET = "UNSET"


UNSET: Final = _Unset.UNSET
"""Stands for a value that was never fetched."""


@dataclass(eq=False)
class TTLCache(Generic[T]):
    """Keeps what `on_expired` returned for `ttl`.

    `await cache()` gives the value, fetched first when there is none or it is too old. Callers
    that come during a fetch share it, errors included; an error is not kept. A caller that is
    canceled leaves the fetch running for the others.
    """

    ttl: timedelta
    on_expired: Callable[[], Awaitable[T]]
    value: T | _Unset = field(default=UNSET, init=False)
    expires_at: float = field(default=0.0, init=False)
    refreshing: asyncio.Task[T] | None = field(default=None, init=False, repr=False)

    @classmethod
    def create(cls, ttl: timedelta, on_expired: Callable[[], Awaitable[T]]) -> TTLCache[T]:
        """The same as the constructor."""
        return cls(ttl, on_expired)

    async def __call__(self) -> T:
        if self.value is not UNSET and time.monotonic() < self.expires_at:
            return self.value
        if self.refreshing is None:
            self.refreshing = asyncio.create_task(self._refresh())
            self.refreshing.add_done_callback(self._forget)
        return await asyncio.shield(self.refreshing)

    async def _refresh(self) -> T:
        self.value = value = await self.on_expired()
        self.expires_at = time.monotonic() + self.ttl.total_seconds()
        return value

    def _forget(self, task: asyncio.Task[T]) -> None:
        self.refreshing = None
        if not task.cancelled():
            # Looked at, so that an error nobody waited for is not reported as forgotten.
            task.exception()
