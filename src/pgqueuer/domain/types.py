"""Names for the plain values that the queue passes around."""

from __future__ import annotations

from enum import Enum
from typing import Literal, NewType
from uuid import UUID

JobId = NewType("JobId", int)
ScheduleId = NewType("ScheduleId", int)
Channel = NewType("Channel", str)
QueueEntrypoint = NewType("QueueEntrypoint", str)
CronEntrypoint = NewType("CronEntrypoint", str)
CronExpression = NewType("CronExpression", str)
QueueManagerId = NewType("QueueManagerId", UUID)
HealthCheckId = NewType("HealthCheckId", UUID)
Slot = NewType("Slot", int)

TableName = NewType("TableName", str)
ColumnName = NewType("ColumnName", str)
IndexName = NewType("IndexName", str)
TypeName = NewType("TypeName", str)
FunctionName = NewType("FunctionName", str)
TriggerName = NewType("TriggerName", str)
SqlType = NewType("SqlType", str)
SqlExpression = NewType("SqlExpression", str)

JOB_STATUS = Literal[
    "queued", "picked", "successful", "canceled", "deleted", "exception", "failed"
]
OPERATIONS = Literal["insert", "update", "delete", "truncate"]
EVENT_TYPES = Literal["table_changed_event", "cancellation_event", "health_check_event"]
OnConflict = Literal["raise", "skip", "update_priority"]
OnFailure = Literal["delete", "hold"]
SortOrder = Literal["ASC", "DESC"]


class QueueExecutionMode(Enum):
    """How long a worker runs: until it is told to stop, or until its entrypoints have no work."""

    continuous = "continuous"
    drain = "drain"
