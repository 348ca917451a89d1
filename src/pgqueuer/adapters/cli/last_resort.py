"""Ends a process whose worker has ended, or should have, but that does not end itself."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable
from datetime import timedelta
from typing import Final

from pgqueuer.core.logconfig import logger

GRACE: Final = 3.0
"""Seconds that canceled tasks and threads have to end after a worker that waits no longer."""

LONG_GRACE: Final = 10.0
"""The same after a worker that had the time that it needed; then only for tasks."""

FOR_THE_REST: Final = 30.0
"""Seconds, beside a heartbeat timeout for writing outcomes, that a worker has to end."""


class LastResort:
    """Leaves the process behind tasks that ignore their cancellation, and blocked threads.

    Python would wait for both for ever. Threads are waited for unless `arm` was called.
    """

    def __init__(self, heartbeat_timeout: timedelta) -> None:
        self._patience = heartbeat_timeout.total_seconds() + FOR_THE_REST
        self._ended = threading.Event()
        self._armed = False
        self._failed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def over(self, work: Awaitable[None]) -> None:
        """Await the worker; from then on the process has to end."""
        self._loop = asyncio.get_running_loop()
        try:
            await work
        except BaseException:
            self._failed = True
            raise
        finally:
            self._ended.set()
            if not self._armed:
                self._start()

    def arm(self) -> None:
        """The worker waits no longer: let it end in time, or end it."""
        self._armed = True
        self._start()

    def _start(self) -> None:
        # As a daemon it is no reason for the interpreter to go on.
        threading.Thread(target=self._watch, name="pgqueuer-last-resort", daemon=True).start()

    def _watch(self) -> None:
        ended = self._ended.wait(self._patience)
        threading.Event().wait(GRACE if self._armed else LONG_GRACE)
        left = 0 if self._loop is None else _stubborn(self._loop)
        if left or self._armed:
            self._leave(left, failed=self._failed or left > 0 or not ended)

    def _leave(self, tasks: int, *, failed: bool) -> None:
        logger.error(
            "Left behind: %d task(s) that ignore their cancellation, and whatever threads are "
            "blocked. Jobs that were not put back run again when their lease expires",
            tasks,
        )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(int(failed))


def _stubborn(loop: asyncio.AbstractEventLoop) -> int:
    """How many tasks were canceled and go on; the others are those that end the loop."""
    return sum(task.cancelling() > 0 for task in asyncio.all_tasks(loop))
