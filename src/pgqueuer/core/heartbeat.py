"""Telling the queue that a job is alive."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from pgqueuer.core.logconfig import logger
from pgqueuer.core.tm import cancel_and_wait
from pgqueuer.domain.types import JobId


class BeatSink(Protocol):
    """Where heartbeats go; a HeartbeatBuffer is one."""

    async def add(self, item: JobId) -> None: ...


@dataclass(eq=False)
class Heartbeat:
    """Adds `job_id` to `buffer` once every `interval` while the block runs.

    The first beat comes after one interval; an interval of zero or less means no beats. A beat
    that fails is logged and the next one is tried.
    """

    job_id: JobId
    interval: timedelta
    buffer: BeatSink
    _timer: asyncio.TimerHandle | None = field(default=None, init=False, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    async def __aenter__(self) -> Self:
        # A timer costs far less than a task, and most jobs end before their first beat.
        if (seconds := self.interval.total_seconds()) > 0:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._start)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await cancel_and_wait(self._task)

    def _start(self) -> None:
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            try:
                await self.buffer.add(self.job_id)
            except Exception:
                logger.exception("Heartbeat of job %s failed; trying again", self.job_id)
            await asyncio.sleep(self.interval.total_seconds())
