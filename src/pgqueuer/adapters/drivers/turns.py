"""Statements over one connection, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """Who may use the connection; the others wait in the order in which they came."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[None]:
        """Have the connection inside `async with`."""
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    async def give_way(self) -> None:
        """Let the next statement be sent, so that the server works while this one's rows are read.

        Call it after one's own turn.
        """
        if self._waiting:
            await asyncio.sleep(0)
