"""Asks an event loop for a sign, from other threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from pgqueuer.core.culprit import Culprit, find_culprit


class LoopSign:
    """Whether the event loop in which it is made turns; costs nothing while nobody asks.

    `on_turn` is called in the loop each time that it gives a sign.
    """

    def __init__(self, on_turn: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._on_turn = on_turn
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._given = threading.Event()

    def ask(self, patience: float) -> float:
        """Seconds until the loop gave a sign, or, after `patience`, those that it gave none for."""
        begun = time.monotonic()
        with self._lock:
            if self._asked is None:
                self._asked = begun
                self._given = threading.Event()
                self._loop.call_soon_threadsafe(self._turned)
            asked, given = self._asked, self._given
        since = begun if given.wait(patience) else asked
        return time.monotonic() - since

    def _turned(self) -> None:
        self._on_turn()
        with self._lock:
            self._asked = None
            self._given.set()

    def culprit(self) -> Culprit:
        """What the loop is at."""
        return find_culprit(self._loop, self._thread)
