"""When to look at the queue again."""

from __future__ import annotations

import asyncio


class Wakeup:
    """Something happened that may give the worker work; `set` from anywhere in the loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """End the current or the next `wait`."""
        self._event.set()

    def clear(self) -> None:
        """Forget what happened; call it before looking, so that nothing falls in between."""
        self._event.clear()

    async def wait(self, seconds: float | None) -> bool:
        """Wait to be set, `seconds` at most; tell whether it was."""
        if seconds is not None and seconds <= 0:
            return self._event.is_set()
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
