"""Names for the plain values that the queue passes around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NewType, Protocol, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from pydantic import BaseModel

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

JOB_STATUS = Literal["queued", "picked", "successful", "canceled", "deleted", "exception", "failed"]
OPERATIONS = Literal["insert", "update", "delete", "truncate"]
EVENT_TYPES = Literal["table_changed_event", "cancellation_event", "health_check_event"]
OnConflict = Literal["raise", "skip", "update_priority"]
OnFailure = Literal["delete", "hold"]
SortOrder = Literal["ASC", "DESC"]
MissedTicks = Literal["skip", "once", "all"]


class DataclassInstance(Protocol):
    """An instance of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class StructInstance(Protocol):
    """An instance of any msgspec Struct."""

    __struct_fields__: ClassVar[tuple[str, ...]]


Model: TypeAlias = "BaseModel | DataclassInstance | StructInstance"
"""A payload that says itself how it is written as JSON."""

# The arguments of enqueue: one value, or a list with one value for each job.
Entrypoints: TypeAlias = str | Sequence[str]
Payload: TypeAlias = "bytes | Model"
Payloads: TypeAlias = "Payload | Sequence[Payload | None] | None"
Priorities: TypeAlias = int | Sequence[int]
Delays: TypeAlias = timedelta | Sequence[timedelta | None] | None
DedupeKeys: TypeAlias = str | Sequence[str | None] | None
HeaderSets: TypeAlias = Mapping[str, object] | Sequence[Mapping[str, object] | None] | None


class QueueExecutionMode(Enum):
    """How long a worker runs: until it is told to stop, or until its entrypoints have no work."""

    continuous = "continuous"
    drain = "drain"
