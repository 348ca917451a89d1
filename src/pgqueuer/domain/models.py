"""Rows, events and reports of the queue, as pydantic models. Every datetime is time-zone aware."""

from __future__ import annotations

import json
import traceback as traceback_module
from collections.abc import Iterable, MutableMapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, Field, GetCoreSchemaHandler, RootModel
from pydantic_core import CoreSchema, core_schema

from pgqueuer.domain.context import Context
from pgqueuer.domain.enqueuing import Enqueuer
from pgqueuer.domain.reports import (
    ActiveWorker,
    EntrypointHealth,
    EntrypointStat,
    FailureGroup,
    JobDurationStats,
    LatencyBucket,
    OverviewSnapshot,
    PausedEntrypoint,
    QueueAgeStats,
    StaleJob,
    TableInfo,
    ThroughputBucket,
    ThroughputStats,
)
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
    "ActiveWorker",
    "AnyEvent",
    "CancellationEvent",
    "Channel",
    "Context",
    "CronEntrypoint",
    "CronExpression",
    "CronExpressionEntrypoint",
    "EntrypointHealth",
    "EntrypointStat",
    "Event",
    "FailureGroup",
    "HealthCheckEvent",
    "HealthCheckId",
    "Job",
    "JobDurationStats",
    "JobEnds",
    "JobId",
    "JobStatusRow",
    "LatencyBucket",
    "Log",
    "LogStatistics",
    "OnConflict",
    "OnFailure",
    "OverviewSnapshot",
    "PausedEntrypoint",
    "QueueAgeStats",
    "QueueEntrypoint",
    "QueueExecutionMode",
    "QueueManagerId",
    "QueueStatistics",
    "Schedule",
    "ScheduleContext",
    "ScheduleId",
    "Slot",
    "StaleJob",
    "TableChangedEvent",
    "TableInfo",
    "ThroughputBucket",
    "ThroughputStats",
    "TracebackRecord",
    "utc_now",
]


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def _decode_json(value: object) -> object:
    """Drivers hand out JSONB as text or, where a codec is set, as the decoded value."""
    if isinstance(value, str | bytes | bytearray):
        try:
            return json.loads(value)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    return value


class _DecodedJson:
    """Decodes a field before it is validated; None, as most jobs have it, costs no call."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        decoded = core_schema.no_info_before_validator_function(_decode_json, handler(source))
        return core_schema.nullable_schema(decoded)


class Event(BaseModel, frozen=True):
    """Anything that arrives on the notification channel."""

    channel: Channel
    sent_at: AwareDatetime
    type: EVENT_TYPES
    received_at: AwareDatetime = Field(default_factory=utc_now)

    @property
    def latency(self) -> timedelta:
        """Time from the sender's clock to ours; negative when the clocks differ."""
        return self.received_at - self.sent_at


class TableChangedEvent(Event, frozen=True):
    """Rows of the queue changed in a way that may give a worker something to do."""

    type: Literal["table_changed_event"]
    operation: OPERATIONS
    table: str


class CancellationEvent(Event, frozen=True):
    """Someone asked for these jobs to be canceled; what only looks like an id is none."""

    type: Literal["cancellation_event"]
    ids: list[Annotated[JobId, Field(strict=True)]]


class HealthCheckEvent(Event, frozen=True):
    """A worker's question to its own listener, on its way back."""

    type: Literal["health_check_event"]
    id: HealthCheckId


class AnyEvent(
    RootModel[
        Annotated[
            TableChangedEvent | CancellationEvent | HealthCheckEvent,
            Field(discriminator="type"),
        ]
    ]
):
    """One of the three events; the event itself is `.root`."""


Headers = Annotated[dict[str, object] | None, _DecodedJson()]


class _Hidden:
    """Stands for a value in a `repr()`."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"<{self.size} hidden>"


class Job(BaseModel):
    """A row of the queue as its handler sees it.

    `payload` is exactly the bytes that were enqueued; `repr()` tells the sizes of it and of the
    headers, so that they get into no log by accident. `attempts` counts the deliveries that ended
    in a retry or a takeover, so it is 0 the first time. `queue_manager_id` is the owner while the
    job is picked, and `slot` the seat that it holds under a concurrency limit.
    """

    id: JobId
    priority: int
    created: AwareDatetime
    updated: AwareDatetime
    heartbeat: AwareDatetime
    execute_after: AwareDatetime
    status: JOB_STATUS
    entrypoint: QueueEntrypoint
    payload: bytes | None
    attempts: int = 0
    queue_manager_id: QueueManagerId | None
    slot: Slot | None = None
    headers: Headers = None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            hidden = name in ("payload", "headers") and isinstance(value, bytes | dict)
            yield name, _Hidden(len(value)) if hidden else value

    def header_section(self, key: str) -> dict[str, object] | None:
        """The dictionary under `key` of the headers; None where there is none."""
        section = (self.headers or {}).get(key)
        return section if isinstance(section, dict) else None

    def logfire_headers(self) -> dict[str, object] | None:
        """The propagation context that a Logfire producer left."""
        return self.header_section("logfire")

    def sentry_headers(self) -> dict[str, object] | None:
        """The propagation context that a Sentry producer left."""
        return self.header_section("sentry")

    def otel_headers(self) -> dict[str, object] | None:
        """The W3C carrier that an OpenTelemetry producer left."""
        return self.header_section("otel")


class TracebackRecord(BaseModel):
    """Why a job did not succeed, as kept in the log."""

    job_id: JobId
    timestamp: AwareDatetime
    exception_type: str
    exception_message: str
    traceback: str
    additional_context: dict[str, object] | None = None

    @classmethod
    def from_exception(
        cls,
        exc: BaseException,
        job_id: JobId,
        additional_context: dict[str, object] | None = None,
    ) -> TracebackRecord:
        """Record `exc` with its full traceback, causes included."""
        return cls(
            job_id=job_id,
            timestamp=utc_now(),
            exception_type=type(exc).__name__,
            exception_message=str(exc),
            traceback="".join(traceback_module.format_exception(exc)),
            additional_context=additional_context,
        )


class Log(BaseModel):
    """One transition of one job."""

    created: AwareDatetime
    job_id: JobId
    status: JOB_STATUS
    priority: int
    entrypoint: QueueEntrypoint
    traceback: Annotated[TracebackRecord | None, _DecodedJson()] = None
    aggregated: bool


class JobStatusRow(BaseModel):
    """The newest status of a job."""

    job_id: JobId
    status: JOB_STATUS


class JobEnds(BaseModel, frozen=True):
    """What the log says after a place in it; a place is the number of a row.

    The jobs ended in this order, with `statuses` beside them. The look reached `last`, and there
    may be `more` rows behind it. Up to `settled` nothing will be added, but by a transaction that
    takes longer than two seconds: begin the next look there, and expect what you know already.
    """

    job_ids: list[JobId]
    statuses: list[JOB_STATUS]
    last: int
    settled: int
    more: bool


class QueueStatistics(BaseModel):
    """Rows of the queue with the same entrypoint, priority and status."""

    count: int
    entrypoint: QueueEntrypoint
    priority: int
    status: JOB_STATUS


class LogStatistics(BaseModel):
    """Transitions of one second; `created` is the second."""

    count: int
    created: AwareDatetime
    entrypoint: QueueEntrypoint
    priority: int
    status: JOB_STATUS


@dataclass
class ScheduleContext:
    """What a running schedule may use; `resources` as in `Context`."""

    resources: MutableMapping[str, object] = field(default_factory=dict)
    _: KW_ONLY
    enqueuer: Enqueuer | None = field(default=None, repr=False, compare=False)

    @property
    def queries(self) -> Enqueuer:
        """Enqueues jobs where the schedule is stored; RuntimeError outside of a scheduler."""
        if self.enqueuer is None:
            raise RuntimeError(
                "This context can not enqueue jobs; give it an enqueuer where you make it yourself"
            )
        return self.enqueuer


class CronExpressionEntrypoint(NamedTuple):
    """What identifies a schedule."""

    entrypoint: CronEntrypoint
    expression: CronExpression


class Schedule(BaseModel):
    """A row of the schedules table.

    `due` is the due time of the tick that runs or ran last, None where none has run yet or a
    worker of 1.x ran it; `next_run` is that of the next tick, also of one that is paused.
    """

    id: ScheduleId
    expression: CronExpression
    heartbeat: AwareDatetime
    created: AwareDatetime
    updated: AwareDatetime
    next_run: AwareDatetime
    last_run: AwareDatetime | None = None
    status: JOB_STATUS
    entrypoint: CronEntrypoint
    due: AwareDatetime | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTick:
    """One step of a schedule: from `next_run`, as its row says, to the due time `following`.

    `due` is the due time of the tick that is run for it, None where it is passed over.
    """

    schedule: ScheduleId
    next_run: datetime
    due: datetime | None
    following: datetime
