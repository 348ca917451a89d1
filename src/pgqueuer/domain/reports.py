"""Reports about the queue for people and dashboards; `domain.models` has their names too."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel

from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId


class QueueAgeStats(BaseModel):
    """How long queued jobs of an entrypoint have been there, deferred ones included."""

    entrypoint: QueueEntrypoint
    queued_count: int
    oldest_created: AwareDatetime
    oldest_age_seconds: float
    avg_age_seconds: float


class EntrypointHealth(BaseModel):
    """How long jobs that could run wait, and how long the workers of picked ones are silent.

    In seconds, of the worst job; 0 where there is none.
    """

    entrypoint: QueueEntrypoint
    waiting_seconds: float
    silent_seconds: float


class PausedEntrypoint(BaseModel):
    """An entrypoint of which nobody claims a job, since when, and why where somebody said so."""

    entrypoint: QueueEntrypoint
    since: AwareDatetime
    reason: str | None = None


class JobDurationStats(BaseModel):
    """Run times from claim to outcome, in seconds."""

    entrypoint: QueueEntrypoint
    completed: int
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    max_seconds: float


class ThroughputStats(BaseModel):
    """Transitions of an entrypoint to a status."""

    entrypoint: QueueEntrypoint
    status: JOB_STATUS
    total_count: int


class ThroughputBucket(BaseModel):
    """Transitions of one minute; `bucket` is the minute."""

    bucket: AwareDatetime
    entrypoint: QueueEntrypoint
    status: JOB_STATUS
    count: int


class LatencyBucket(BaseModel):
    """How long jobs waited for their claim and then ran, in seconds; `bucket` begins the step.

    None where none was claimed, or none ended, in the step.
    """

    bucket: AwareDatetime
    wait_p50_seconds: float | None = None
    wait_p95_seconds: float | None = None
    run_p50_seconds: float | None = None
    run_p95_seconds: float | None = None


class FailureGroup(BaseModel):
    """Failures of an entrypoint by the type of their exception; None where none is known.

    `count` includes jobs that are held; `held` are their ids.
    """

    entrypoint: QueueEntrypoint
    exception_type: str | None
    newest_message: str | None
    newest_job: JobId
    count: int
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    held: list[JobId]


class ActiveWorker(BaseModel):
    """A worker as seen from the rows that it holds."""

    queue_manager_id: QueueManagerId
    active_jobs: int
    oldest_heartbeat: AwareDatetime
    newest_heartbeat: AwareDatetime
    entrypoints: list[str]


class StaleJob(BaseModel):
    """A picked job whose owner has been silent."""

    id: JobId
    priority: int
    queue_manager_id: QueueManagerId | None
    created: AwareDatetime
    updated: AwareDatetime
    heartbeat: AwareDatetime
    execute_after: AwareDatetime
    status: JOB_STATUS
    entrypoint: QueueEntrypoint
    seconds_since_heartbeat: float


class TableInfo(BaseModel):
    """A table of the installation; `persistence` is LOGGED or UNLOGGED, `total_size` for people."""

    table_name: str
    persistence: str
    estimated_rows: int
    total_size: str


class EntrypointStat(BaseModel):
    """One line of an overview by entrypoint."""

    entrypoint: QueueEntrypoint
    queued: int
    picked: int
    oldest_age_seconds: float | None = None
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    p99_seconds: float | None = None
    completed: int
    failure_rate: float | None = None
    sparkline: list[int]
    paused: PausedEntrypoint | None = None


class OverviewSnapshot(BaseModel):
    """The queue in six numbers."""

    queued_total: int
    picked_total: int
    failed_total: int
    active_workers: int
    oldest_queued_age_seconds: float | None = None
    exceptions_recent: int
