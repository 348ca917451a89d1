"""When plans that were made for a small queue have to be made anew for a deep one.

PostgreSQL keeps the plan of a prepared statement until the table is vacuumed or analyzed, which may
take a minute after a large enqueue. A plan for a queue of a few pages reads all of it, as that is
the cheapest way; each claim and each settlement would then read a deep one, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PAUSE: Final = 5.0
"""Seconds between looks at the size of a queue whose claims read all of it."""

SMALL: Final = 16
"""Pages that may be read as a whole."""


class PlanWatch:
    """Tells when the plans of the statements are to be made anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._whole = False
        self._next_look = 0.0
        self._pages = SMALL

    def claimed(self, jobs: int, scanned: int) -> None:
        """Learn from a claim that read so many index entries: without an index it reads none."""
        self._whole = scanned < jobs
        if not self._whole:
            self._pages = SMALL

    def wants_size(self) -> bool:
        """Whether to tell `outgrown` the size of the queue now."""
        if not self._whole or self._clock() < self._next_look:
            return False
        self._next_look = self._clock() + PAUSE
        return True

    def outgrown(self, pages: int) -> bool:
        """Whether the queue doubled since its plans were made, and is not small.

        Where new plans do not help, as where the server counts nothing, it has to double again.
        """
        if pages < 2 * self._pages:
            return False
        self._pages = pages
        return True
