"""When plans that were made for a small queue have to be made anew for a deep one.

PostgreSQL keeps the plan of a prepared statement until the table is vacuumed or analyzed, which may
take a minute after a large enqueue. A plan for a queue of a few pages reads all of it, as that is
the cheapest way; each claim and each settlement would then read a deep one, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PAUSE: Final = 1.0
"""Seconds between looks at the size of a queue that has work."""

SMALL: Final = 16
"""Pages that may be read as a whole."""


class PlanWatch:
    """Tells when the plans of the statements are to be made anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._busy = False
        self._next_look = 0.0
        self._pages = SMALL

    def claimed(self, jobs: int) -> None:
        """Learn from a claim; an idle worker's plans may be what they are."""
        self._busy = jobs > 0

    def wants_size(self) -> bool:
        """Whether to tell `outgrown` the size of the queue now."""
        if not self._busy or self._clock() < self._next_look:
            return False
        self._next_look = self._clock() + PAUSE
        return True

    def outgrown(self, pages: int) -> bool:
        """Whether the queue doubled since its plans may have been made, and is not small.

        A queue that shrank was vacuumed, and so planned for anew.
        """
        if pages >= 2 * self._pages:
            self._pages = pages
            return True
        self._pages = max(SMALL, min(pages, self._pages))
        return False
