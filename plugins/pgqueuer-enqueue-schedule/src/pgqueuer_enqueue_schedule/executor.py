"""The schedule executor `enqueue`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any, cast

from pgqueuer.executors import ScheduleExecutor
from pgqueuer.models import Schedule, ScheduleContext

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class EnqueueScheduleExecutor(ScheduleExecutor):
    """Enqueues one job for each tick, with what the function returns as its payload.

    The job goes to `entrypoint`, by default of the schedule's name, in the queue that the schedule
    is stored with. Its dedupe key has the due time, so a tick that is run twice makes one job as
    long as that is active. The header `schedule` has the name, the expression and the due time.
    While the database refuses the job, it is tried again for `patience`; then the tick fails.
    """

    _: KW_ONLY
    entrypoint: str | None = None
    priority: int = 0
    patience: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.entrypoint is not None and not (
            isinstance(self.entrypoint, str) and self.entrypoint
        ):
            raise ValueError(f"entrypoint must be a name or None, got {self.entrypoint!r}")
        if not isinstance(self.patience, timedelta) or self.patience < timedelta(0):
            raise ValueError(f"patience must be a timedelta of at least 0, got {self.patience!r}")

    async def execute(self, schedule: Schedule, context: ScheduleContext) -> None:
        payload = await self._payload(schedule, context)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience.total_seconds()
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._enqueue(schedule, context, payload)
            except (TypeError, ValueError):
                raise  # later it would be no better
            except Exception:
                if loop.time() + pause > until:
                    raise
                logger.exception(
                    "The job of the schedule %s was not enqueued; trying again", schedule.entrypoint
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _payload(self, schedule: Schedule, context: ScheduleContext) -> bytes | None:
        # Other objects that the queue takes are as good, and it refuses the rest.
        func: Callable[..., Awaitable[bytes | None]] = cast("Any", self.parameters.func)
        wanted = self.parameters.accepts_context
        return await (func(schedule, context) if wanted else func(schedule))

    async def _enqueue(
        self, schedule: Schedule, context: ScheduleContext, payload: bytes | None
    ) -> None:
        due = (schedule.due or schedule.next_run).isoformat()
        origin = {"name": schedule.entrypoint, "expression": schedule.expression, "due": due}
        await context.queries.enqueue(
            self.entrypoint or schedule.entrypoint,
            payload,
            self.priority,
            dedupe_key=f"schedule {schedule.entrypoint} {schedule.expression} {due}",
            headers={"schedule": origin},
            on_conflict="skip",
        )
