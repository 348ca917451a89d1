"""Parts that run beside the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from pgqueuer.core.tm import cancel_and_wait


class Background:
    """A part that runs beside the worker and is stopped with it; its own end is looked at."""

    def __init__(self, part: Coroutine[object, object, None]) -> None:
        self._part = part
        self._task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the part ended by itself."""
        return self._task is not None and self._task.done()

    def check(self) -> None:
        """Raise what the part raised, if it ended."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def wait(self, seconds: float) -> None:
        """Wait for the end of the part, `seconds` at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    async def __aenter__(self) -> Background:
        self._task = asyncio.create_task(self._part)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)
