"""How many jobs to claim at once."""

from __future__ import annotations

import asyncio

FIRST_BATCH = 10
LARGEST_BATCH = 500
"""Beyond this a larger claim saves next to nothing and holds more rows at a time."""

PROMPT_START = 0.02
SLOW_START = 0.1
"""Seconds that a claimed batch may take until its last job has begun."""


class BatchSizer:
    """Finds the batch size: it doubles while claims come back full and their jobs start promptly.

    Handlers that block the event loop delay the start of the jobs claimed with them; then the
    size is halved, so that a worker does not sit on jobs that others could run. A size that the
    user gave is the first and the largest.

    While jobs start promptly (`prompt`), the next claim is sent before they run, so that the
    database works while the handlers do.
    """

    def __init__(self, given: int | None) -> None:
        self._largest = LARGEST_BATCH if given is None else given
        self.size = FIRST_BATCH if given is None else given
        self.prompt = False

    def watch(self, asked: int, claimed: int) -> None:
        """Call right after the tasks of a claim were made: the mark runs after all their starts."""
        loop = asyncio.get_running_loop()
        loop.call_soon(self._adapt, loop.time(), asked == claimed and asked == self.size)

    def _adapt(self, dispatched: float, full: bool) -> None:
        delay = asyncio.get_running_loop().time() - dispatched
        self.prompt = delay < PROMPT_START
        if delay > SLOW_START:
            self.size = max(self.size // 2, 1)
        elif full and self.prompt:
            self.size = min(self.size * 2, self._largest)
