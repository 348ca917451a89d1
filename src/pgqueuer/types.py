"""Types of the queue."""

from __future__ import annotations

from pgqueuer.domain.types import (
    EVENT_TYPES,
    JOB_STATUS,
    OPERATIONS,
    Channel,
    CronEntrypoint,
    CronExpression,
    HealthCheckId,
    JobId,
    OnConflict,
    OnFailure,
    QueueEntrypoint,
    QueueExecutionMode,
    QueueManagerId,
    ScheduleId,
    Slot,
)

__all__ = [
    "EVENT_TYPES",
    "JOB_STATUS",
    "OPERATIONS",
    "Channel",
    "CronEntrypoint",
    "CronExpression",
    "HealthCheckId",
    "JobId",
    "OnConflict",
    "OnFailure",
    "QueueEntrypoint",
    "QueueExecutionMode",
    "QueueManagerId",
    "ScheduleId",
    "Slot",
]
