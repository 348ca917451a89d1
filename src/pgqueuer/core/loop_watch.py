"""Notices, from a thread, that the event loop does not turn, and who keeps it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from pgqueuer.core.culprit import Culprit, find_culprit
from pgqueuer.core.logconfig import logger

SHORTEST_LOOK: Final = 0.02
LONGEST_BUSY_LOOK: Final = 0.25
LONGEST_IDLE_LOOK: Final = 1.0
"""Seconds between looks at a loop that runs handlers, and at one that does not."""

RAN_AT_ALL: Final = 0.02
"""The share of a processor below which a process that was late counts as stopped."""


class LoopWatch:
    """Looks whether the running event loop turns, from its start to its end, as a context.

    A loop that does not for `threshold` seconds is logged with who keeps it, and again with the
    total when it turns; then `on_blocked` is called in the loop with the seconds and the
    entrypoints that were seen, the one seen most first. `busy` tells whether handlers run: an
    idle loop is looked at half as often. A threshold of 0 watches nothing.

    A process that was stopped as a whole, as on a laptop that sleeps, is no blocked loop.
    """

    def __init__(
        self,
        threshold: float,
        busy: Callable[[], bool],
        on_blocked: Callable[[float, tuple[str, ...]], None],
    ) -> None:
        self._threshold = threshold
        self._busy = busy
        self._on_blocked = on_blocked
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._reported = False
        self._seen: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if self._threshold > 0:
            about = asyncio.get_running_loop(), threading.get_ident()
            threading.Thread(
                target=self._watch, args=about, name="pgqueuer-loop-watch", daemon=True
            ).start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        pause = 0.0
        due, worked = time.monotonic(), time.process_time()
        while not self._ended.wait(pause):
            late = time.monotonic() - due
            if late > self._threshold and time.process_time() - worked < late * RAN_AT_ALL:
                # Nothing ran in the whole process, so that nobody is to blame.
                self._forget()
                late = 0.0
            if not self._look(loop, thread, late):
                return
            pause = self._pause()
            due, worked = time.monotonic() + pause, time.process_time()

    def _pause(self) -> float:
        busy = self._asked is not None or self._busy()
        if busy:
            return max(min(self._threshold / 4, LONGEST_BUSY_LOOK), SHORTEST_LOOK)
        return max(min(self._threshold / 2, LONGEST_IDLE_LOOK), SHORTEST_LOOK)

    def _forget(self) -> None:
        with self._lock:
            self._asked, self._reported = None, False
            self._seen.clear()

    def _look(self, loop: asyncio.AbstractEventLoop, thread: int, late: float) -> bool:
        """Ask the loop for a sign, or look who keeps it from giving one; false once it is closed.

        `late` is how long this thread could not run, as while C code holds the interpreter.
        """
        now = time.monotonic()
        asked = self._asked
        if asked is None:
            asked = self._asked = now - late
            try:
                loop.call_soon_threadsafe(self._turned, asked)
            except RuntimeError:
                return False
            if late < self._threshold:
                return True
        self._note(asked, now - asked, find_culprit(loop, thread))
        return True

    def _note(self, asked: float, blocked: float, found: Culprit) -> None:
        with self._lock:
            if self._asked != asked:  # it has turned just now
                return
            self._seen[found.entrypoint or ""] += 1
            if self._reported or blocked < self._threshold:
                return
            self._reported = True
        logger.warning(
            "The event loop has not turned for %.1f s: %s keeps it, so that heartbeats and other "
            "jobs wait. Use executor='thread' or await asyncio.to_thread() for code that blocks",
            blocked,
            found,
            extra={"job_id": found.job_id, "entrypoint": found.entrypoint},
        )

    def _turned(self, asked: float) -> None:
        """In the loop: the sign that was asked for."""
        with self._lock:
            if self._asked != asked:
                return
            blocked = time.monotonic() - asked
            names = tuple(name for name, _ in self._seen.most_common() if name)
            reported, self._reported = self._reported, False
            self._asked = None
            self._seen.clear()
        if blocked < self._threshold:
            return
        if reported:
            by = f", by {', '.join(names)}" if names else ""
            logger.warning("The event loop turns again; it was blocked for %.1f s%s", blocked, by)
        self._on_blocked(blocked, names)
