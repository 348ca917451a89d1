"""Jobs and schedules for tests, and the errors of handlers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job, Schedule
from pgqueuer.domain.types import (
    CronEntrypoint,
    CronExpression,
    JobId,
    QueueEntrypoint,
    ScheduleId,
)

__all__ = ["HandlerError", "make_job", "make_retry", "make_schedule"]

THEN = datetime(2030, 1, 1, tzinfo=UTC)


class HandlerError(Exception):
    """What a handler of these suites raises on purpose."""


def make_job(
    number: int = 1,
    *,
    entrypoint: str = "work",
    payload: bytes | None = None,
    attempts: int = 0,
    headers: dict[str, object] | None = None,
) -> Job:
    """A job as a worker hands it to its executor; no store knows it."""
    return Job(
        id=JobId(number),
        priority=0,
        created=THEN,
        updated=THEN,
        heartbeat=THEN,
        execute_after=THEN,
        status="picked",
        entrypoint=QueueEntrypoint(entrypoint),
        payload=payload,
        attempts=attempts,
        queue_manager_id=None,
        headers=headers,
    )


def make_schedule(entrypoint: str = "tick", expression: str = "* * * * *") -> Schedule:
    """A schedule as a worker hands it to its executor; no store knows it."""
    return Schedule(
        id=ScheduleId(1),
        expression=CronExpression(expression),
        heartbeat=THEN,
        created=THEN,
        updated=THEN,
        next_run=THEN,
        status="picked",
        entrypoint=CronEntrypoint(entrypoint),
    )


def make_retry() -> RetryRequested:
    """What a handler raises that wants to run again later."""
    return RetryRequested(delay=timedelta(seconds=7), reason="not yet")
