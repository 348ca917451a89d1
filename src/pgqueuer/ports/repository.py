"""Where jobs are kept, as the kernel and the other parts of the library see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

from pgqueuer.domain.lifecycle import (
    ClaimRequest,
    EntrypointTerms,
    Outlook,
    ReapReport,
    Settlement,
)
from pgqueuer.domain.models import (
    ActiveWorker,
    CronExpressionEntrypoint,
    FailureGroup,
    Job,
    JobDurationStats,
    JobStatusRow,
    LatencyBucket,
    Log,
    LogStatistics,
    QueueAgeStats,
    QueueStatistics,
    Schedule,
    ScheduleTick,
    StaleJob,
    TableInfo,
    ThroughputBucket,
    ThroughputStats,
    TracebackRecord,
)
from pgqueuer.domain.retention import PruneRequest, PruneStep
from pgqueuer.domain.structure import SchemaPart
from pgqueuer.domain.types import (
    JOB_STATUS,
    Channel,
    CronEntrypoint,
    HealthCheckId,
    JobId,
    QueueEntrypoint,
    QueueManagerId,
    ScheduleId,
    SortOrder,
)
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.enqueue import EnqueuePort

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings

SEARCHED_JOBS: Final = 20_000
"""A search for a text looks into so many jobs, the newest ones."""


@dataclass
class EntrypointExecutionParameter:
    """What a claim has to know about an entrypoint; 0 means no limit."""

    concurrency_limit: int


CompletionState = Literal["committed", "open", "undone"]
"""`undone` is a completion that never took effect, as the transaction or a savepoint in it was
rolled back."""


class JobStore(Protocol):
    """What the kernel needs to work: claim, settle, and keep or expire leases."""

    async def first_missing(self, parts: Sequence[SchemaPart]) -> SchemaPart | None:
        """The first of these parts that the database does not have; None if it has all."""
        ...

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """Jobs that are now picked by `request.owner`, by priority descending, then id.

        A row that can not be read is parked as failed instead of being returned.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> list[JobId]:
        """Write outcomes, in one transaction; return the ids that were no longer the owner's.

        Those rows stay untouched. Of several outcomes of one job the first counts. What goes back
        to the queue wakes idle workers.
        """
        ...

    async def keep_leases(self, owner: QueueManagerId, job_ids: Sequence[JobId]) -> list[JobId]:
        """Renew the leases of `owner`; return the ids that it does not hold any more."""
        ...

    async def reap(
        self,
        owner: QueueManagerId | None,
        entrypoints: Mapping[QueueEntrypoint, EntrypointTerms],
        heartbeat_timeout: timedelta,
    ) -> ReapReport:
        """Put jobs whose lease expired back to the queue, never those of `owner` itself.

        Each counts an attempt and a takeover; one with too many takeovers is parked as failed.
        """
        ...

    async def recover_claims(self, owner: QueueManagerId, known: Sequence[JobId]) -> int:
        """Put back what `owner` claimed without knowing, as after a lost connection."""
        ...

    async def outlook(self, entrypoints: Mapping[QueueEntrypoint, EntrypointTerms]) -> Outlook:
        """What an idle worker with these entrypoints may expect next."""
        ...


class QueueRepositoryPort(JobStore, EnqueuePort, Protocol):
    """Everything that is done with jobs, their log and their statistics."""

    @property
    def driver(self) -> Driver: ...

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]: ...

    async def log_jobs(
        self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]
    ) -> None: ...

    async def retry_job(
        self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None: ...

    async def requeue_jobs(self, ids: list[JobId]) -> None: ...

    async def list_failed_jobs(self, limit: int = 100, order: SortOrder = "DESC") -> list[Job]: ...

    async def clear_queue(self, entrypoint: str | list[str] | None = None) -> None: ...

    async def queue_size(self) -> list[QueueStatistics]: ...

    async def mark_job_as_cancelled(self, ids: list[JobId]) -> None: ...

    async def update_heartbeat(self, job_ids: list[JobId]) -> None: ...

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int: ...

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int: ...

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None: ...

    async def queue_log(self) -> list[Log]: ...

    async def aggregate_logs(self) -> None: ...

    async def log_statistics(
        self, limit: int | None, last: timedelta | None = None
    ) -> list[LogStatistics]: ...

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]: ...

    async def clear_statistics_log(self, entrypoint: str | list[str] | None = None) -> None: ...


class ScheduleRepositoryPort(Protocol):
    """Everything that is done with schedules; delays count from now."""

    async def insert_schedule(
        self, schedules: dict[CronExpressionEntrypoint, timedelta]
    ) -> None: ...

    async def fetch_schedule(
        self,
        entrypoints: dict[CronExpressionEntrypoint, timedelta],
        *,
        stale_after: timedelta = timedelta(seconds=30),
    ) -> list[Schedule]: ...

    async def start_schedules(
        self, ticks: Sequence[ScheduleTick], *, stale_after: timedelta
    ) -> list[Schedule]:
        """Take each step that nobody else has taken; those with a tick are picked.

        A schedule is left alone where its `next_run` is another by now or lies ahead, where it is
        paused, or runs and its worker was heard within `stale_after`. Returns those that moved.
        """
        ...

    async def beat_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        """Tell that these runs, as they were picked, go on; returns those not taken over."""
        ...

    async def end_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        """End these runs, as they were picked; returns those that nobody had taken over."""
        ...

    async def pause_schedule(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None: ...

    async def resume_schedule(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None: ...

    async def database_time(self) -> datetime:
        """The time by which schedules are due."""
        ...

    async def run_schedule_now(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None: ...

    async def set_schedule_queued(self, ids: set[ScheduleId]) -> None: ...

    async def update_schedule_heartbeat(self, ids: set[ScheduleId]) -> None: ...

    async def peek_schedule(self) -> list[Schedule]: ...

    async def delete_schedule(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None: ...

    async def clear_schedule(self) -> None: ...


class NotificationPort(Protocol):
    """Messages to every worker on the channel."""

    def use_channel(self, channel: Channel) -> None:
        """Replace the channel of the settings."""
        ...

    async def trigger_channel(self) -> str | None:
        """The channel on which the database tells of new jobs; None where that is not known."""
        ...

    async def notify_job_cancellation(self, ids: list[JobId]) -> None: ...

    async def notify_health_check(self, health_check_event_id: HealthCheckId) -> None: ...

    async def notify_work(self) -> None: ...


class QueryBuilderEnvironmentPort(Protocol):
    """Where the names of the database objects come from."""

    @property
    def settings(self) -> DBSettings: ...


class SchemaManagementPort(Protocol):
    """Creating, changing and looking at the database objects."""

    @property
    def qbe(self) -> QueryBuilderEnvironmentPort: ...

    async def install(self, create_schema: bool = True) -> None: ...

    async def uninstall(self) -> None: ...

    async def upgrade(self) -> None: ...

    async def has_table(self, table: str) -> bool: ...

    async def table_has_column(self, table: str, column: str) -> bool: ...

    async def table_has_index(self, table: str, index: str) -> bool: ...

    async def has_user_defined_enum(self, key: str, enum: str) -> bool: ...

    async def has_function(self, function: str) -> bool: ...

    async def has_trigger(self, trigger: str) -> bool: ...


class InsightsRepositoryPort(Protocol):
    """Reports for people and dashboards."""

    async def queue_size(self) -> list[QueueStatistics]: ...

    async def log_statistics(
        self, limit: int | None, last: timedelta | None = None
    ) -> list[LogStatistics]: ...

    async def list_failed_jobs(self, limit: int = 100, order: SortOrder = "DESC") -> list[Job]: ...

    async def peek_schedule(self) -> list[Schedule]: ...

    async def queue_age(self) -> list[QueueAgeStats]: ...

    async def job_duration_percentiles(self, last: timedelta) -> list[JobDurationStats]: ...

    async def throughput_summary(self, last: timedelta | None = None) -> list[ThroughputStats]: ...

    async def throughput_timeseries(self, last: timedelta) -> list[ThroughputBucket]: ...

    async def latency_timeseries(self, last: timedelta, step: timedelta) -> list[LatencyBucket]: ...

    async def failure_groups(self, last: timedelta, limit: int = 1000) -> list[FailureGroup]: ...

    async def active_workers(self) -> list[ActiveWorker]: ...

    async def stale_jobs(self, threshold: timedelta, limit: int = 100) -> list[StaleJob]: ...

    async def exception_logs(self, limit: int = 100) -> list[Log]: ...

    async def browse_queue(
        self,
        limit: int = 50,
        offset: int = 0,
        statuses: list[JOB_STATUS] | None = None,
        entrypoints: list[str] | None = None,
        *,
        search: str | None = None,
        payloads: bool = True,
    ) -> list[Job]: ...

    async def queue_job_by_id(self, job_id: JobId) -> Job | None: ...

    async def job_log_history(self, job_id: JobId, limit: int = 100) -> list[Log]: ...

    async def unaggregated_log_count(self) -> int: ...

    async def schema_info(self) -> list[TableInfo]: ...


@runtime_checkable
class TransactionalCompletion(Protocol):
    """Ending a job within a transaction of its handler's; optional."""

    async def complete_in_transaction(self, job: Job, connection: object) -> str:
        """End `job` as successful within the transaction that `connection` is in; return its id.

        Raises LeaseLostError when the owner that `job` names does not hold it any more,
        RuntimeError outside of a transaction, TypeError for a connection of another kind.
        """
        ...

    def complete_in_transaction_sync(self, job: Job, connection: object) -> str:
        """The same over a connection that blocks."""
        ...

    async def completion_state(self, job: Job, transaction: str) -> CompletionState:
        """What became of a transaction in which `job` was completed."""
        ...


@runtime_checkable
class HistoryPruning(Protocol):
    """Deleting old history, a batch at a time; workers use it where a store has it."""

    async def prune_log_step(self, request: PruneRequest) -> PruneStep:
        """Delete old transitions, in one short transaction.

        Those of a job that ended go together, when the newest is old enough; of a job in the queue
        the newest always stays. What the statistics had not counted yet is counted.
        """
        ...

    async def prune_statistics_step(self, request: PruneRequest) -> PruneStep:
        """Delete old counts, in one short transaction."""
        ...


@runtime_checkable
class RepositoryPort(
    QueueRepositoryPort,
    ScheduleRepositoryPort,
    NotificationPort,
    SchemaManagementPort,
    Protocol,
):
    """All that a manager needs."""


@runtime_checkable
class DriverExchange(Protocol):
    """A repository that can go on over another driver, of the same database; optional."""

    def use_driver(self, driver: Driver) -> None:
        """Send what comes next through `driver`; what is under way ends over the former one."""
        ...
