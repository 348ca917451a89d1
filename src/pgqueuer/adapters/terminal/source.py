"""The way to the queue, opened again after it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeAlias, TypeVar

from pgqueuer.adapters.persistence.queries import Queries

T = TypeVar("T")
Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Queries]]


class Source:
    """Asks one thing at a time; a failure closes the connection, so that the next one opens it."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._stack = AsyncExitStack()
        self._queries: Queries | None = None
        self._turn = asyncio.Lock()

    async def ask(self, question: Callable[[Queries], Awaitable[T]]) -> T:
        """What `question` returns; its errors and those of connecting pass through."""
        async with self._turn:
            try:
                if self._queries is None:
                    self._queries = await self._stack.enter_async_context(self._opener())
                return await question(self._queries)
            except Exception:
                await self._close()
                raise

    async def close(self) -> None:
        """Close the connection, if there is one."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        self._queries = None
        await self._stack.aclose()
