"""Which job, or which tick of a schedule, the code that asks is running for."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Run:
    """What a handler runs for; a tick of a schedule has no `job_id`."""

    job_id: int | None
    entrypoint: str


current_run: Final[ContextVar[Run | None]] = ContextVar("pgqueuer_run", default=None)
"""Set in the task of each job and tick, and so in what they start: tasks, and threads that the
blocking executors and `asyncio.to_thread` use. Whoever sets it has the value in `this_run`, for
`pgqueuer.core.culprit` to find."""
