"""What dashboards and tools show of the queue, and the two things that they may change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pgqueuer.domain.models import (
    ActiveWorker,
    EntrypointStat,
    FailureGroup,
    Job,
    JobDurationStats,
    LatencyBucket,
    Log,
    OverviewSnapshot,
    PausedEntrypoint,
    QueueAgeStats,
    QueueStatistics,
    Schedule,
    StaleJob,
    TableInfo,
    ThroughputBucket,
    ThroughputStats,
)
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint
from pgqueuer.ports.pauses import EntrypointPausing
from pgqueuer.ports.repository import InsightsRepositoryPort

DEFAULT_WINDOW = timedelta(hours=1)
MIN_WINDOW = timedelta(seconds=1)
MAX_WINDOW = timedelta(hours=24)
DEFAULT_STALE_THRESHOLD = timedelta(minutes=5)

SPARKLINE_SLOTS = 30
SPARKLINE_STEP = timedelta(minutes=1)

FAILURES: frozenset[JOB_STATUS] = frozenset({"exception", "failed"})
OUTCOMES: frozenset[JOB_STATUS] = frozenset({"successful", "exception", "canceled", "failed"})
"""What a run may end in; the share of failures among them is the failure rate."""


def clamp_window(last: timedelta | None) -> timedelta:
    """The window to report on: one hour unless given, and between a second and a day."""
    return DEFAULT_WINDOW if last is None else min(max(last, MIN_WINDOW), MAX_WINDOW)


def sparkline_buckets(
    timeseries: Sequence[ThroughputBucket], slots: int = SPARKLINE_SLOTS
) -> dict[QueueEntrypoint, list[int]]:
    """Outcomes a minute by entrypoint, oldest first, in `slots` slots.

    All lines end at the newest minute of the whole series, so that they can be compared; older
    minutes than fit are left out.
    """
    if not timeseries:
        return {}
    newest = max(bucket.bucket for bucket in timeseries)
    lines: defaultdict[QueueEntrypoint, list[int]] = defaultdict(lambda: [0] * slots)
    for bucket in timeseries:
        age = (newest - bucket.bucket) // SPARKLINE_STEP
        if bucket.status in OUTCOMES and age < slots:
            lines[bucket.entrypoint][slots - 1 - age] += bucket.count
    return dict(lines)


@dataclass(frozen=True, slots=True)
class InsightsService:
    """Reports on the queue. Windows are clamped, see `clamp_window`."""

    repository: InsightsRepositoryPort

    async def queue_size(self) -> list[QueueStatistics]:
        """How many jobs there are, by entrypoint, priority and status."""
        return await self.repository.queue_size()

    async def queue_age(self) -> list[QueueAgeStats]:
        """How long queued jobs have been there, by entrypoint."""
        return await self.repository.queue_age()

    async def job_durations(self, last: timedelta | None = None) -> list[JobDurationStats]:
        """Run times by entrypoint."""
        return await self.repository.job_duration_percentiles(clamp_window(last))

    async def throughput(self, last: timedelta | None = None) -> list[ThroughputStats]:
        """Transitions by entrypoint and status."""
        return await self.repository.throughput_summary(clamp_window(last))

    async def throughput_timeseries(self, last: timedelta | None = None) -> list[ThroughputBucket]:
        """Transitions by minute, entrypoint and status."""
        return await self.repository.throughput_timeseries(clamp_window(last))

    async def latency(self, step: timedelta, last: timedelta | None = None) -> list[LatencyBucket]:
        """How long jobs waited and ran, by steps of the clock."""
        return await self.repository.latency_timeseries(clamp_window(last), step)

    async def failure_groups(
        self, last: timedelta | None = None, limit: int = 1000
    ) -> list[FailureGroup]:
        """Held jobs, and those that an exception ended in `last`, by exception."""
        return await self.repository.failure_groups(clamp_window(last), limit)

    async def active_workers(self) -> list[ActiveWorker]:
        """Workers that hold jobs."""
        return await self.repository.active_workers()

    async def stale_jobs(
        self, threshold: timedelta | None = None, limit: int = 100
    ) -> list[StaleJob]:
        """Picked jobs whose owner was silent for `threshold` (5 minutes); zero means every one."""
        silent = DEFAULT_STALE_THRESHOLD if threshold is None else threshold
        return await self.repository.stale_jobs(silent, limit)

    async def exception_logs(self, limit: int = 100) -> list[Log]:
        """The newest log rows of jobs that an exception ended."""
        return await self.repository.exception_logs(limit)

    async def failed_jobs(self, limit: int = 100) -> list[Job]:
        """Held jobs, newest first."""
        return await self.repository.list_failed_jobs(limit)

    async def browse_queue(
        self,
        limit: int = 50,
        offset: int = 0,
        statuses: list[JOB_STATUS] | None = None,
        entrypoints: list[str] | None = None,
        *,
        search: str | None = None,
        payloads: bool = True,
    ) -> list[Job]:
        """A page of jobs; None means any. `search` is an id or a text.

        A text is looked for in the newest `SEARCHED_JOBS` that fit otherwise. Without `payloads`
        theirs are not read, and None.
        """
        return await self.repository.browse_queue(
            limit, offset, statuses, entrypoints, search=search, payloads=payloads
        )

    async def job(self, job_id: JobId) -> Job | None:
        """The job, None once it has left the queue."""
        return await self.repository.queue_job_by_id(job_id)

    async def job_history(self, job_id: JobId, limit: int = 100) -> list[Log]:
        """What the log remembers of a job, also after it has left the queue."""
        return await self.repository.job_log_history(job_id, limit)

    async def schedules(self) -> list[Schedule]:
        """Every schedule."""
        return await self.repository.peek_schedule()

    async def paused(self) -> list[PausedEntrypoint]:
        """The entrypoints that are paused; none where the repository can not pause."""
        repository = self.repository
        if not isinstance(repository, EntrypointPausing):
            return []
        return await repository.paused_entrypoints()

    async def schema_info(self) -> list[TableInfo]:
        """The tables of the installation."""
        return await self.repository.schema_info()

    async def unaggregated_log_count(self) -> int:
        """How many transitions are not in the statistics yet."""
        return await self.repository.unaggregated_log_count()

    async def overview(self, last: timedelta | None = None) -> OverviewSnapshot:
        """The queue in six numbers; `exceptions_recent` counts jobs that one ended in `last`."""
        totals: Counter[JOB_STATUS] = Counter()
        for row in await self.queue_size():
            totals[row.status] += row.count
        ages = [row.oldest_age_seconds for row in await self.queue_age()]
        recent = await self.throughput(last)
        return OverviewSnapshot(
            queued_total=totals["queued"],
            picked_total=totals["picked"],
            failed_total=totals["failed"],
            active_workers=len(await self.active_workers()),
            oldest_queued_age_seconds=max(ages, default=None),
            exceptions_recent=sum(row.total_count for row in recent if row.status == "exception"),
        )

    async def entrypoint_stats(self, last: timedelta | None = None) -> list[EntrypointStat]:
        """One line for each entrypoint that has jobs, had any in `last`, or is paused, by name."""
        sizes: dict[QueueEntrypoint, Counter[JOB_STATUS]] = defaultdict(Counter)
        for size in await self.queue_size():
            sizes[size.entrypoint][size.status] += size.count
        flows: dict[QueueEntrypoint, Counter[JOB_STATUS]] = defaultdict(Counter)
        for flow in await self.throughput(last):
            flows[flow.entrypoint][flow.status] += flow.total_count
        ages = {row.entrypoint: row for row in await self.queue_age()}
        durations = {row.entrypoint: row for row in await self.job_durations(last)}
        lines = sparkline_buckets(await self.throughput_timeseries(last))
        stats = [
            _entrypoint_stat(
                name, sizes[name], flows[name], ages.get(name), durations.get(name), lines.get(name)
            )
            for name in _names(sizes, flows, ages, durations, lines)
        ]
        return with_pauses(stats, await self.paused())


def with_pauses(
    stats: Iterable[EntrypointStat], pauses: Iterable[PausedEntrypoint]
) -> list[EntrypointStat]:
    """The lines, by name, with what is paused now; an entrypoint that is only paused gets one."""
    lines = {line.entrypoint: line.model_copy(update={"paused": None}) for line in stats}
    for pause in pauses:
        name = pause.entrypoint
        if name not in lines:
            lines[name] = _entrypoint_stat(name, Counter(), Counter(), None, None, None)
        lines[name].paused = pause
    return [line for _, line in sorted(lines.items())]


def _names(*sources: Iterable[QueueEntrypoint]) -> set[QueueEntrypoint]:
    return {name for source in sources for name in source}


def _entrypoint_stat(
    name: QueueEntrypoint,
    size: Counter[JOB_STATUS],
    flow: Counter[JOB_STATUS],
    age: QueueAgeStats | None,
    duration: JobDurationStats | None,
    line: list[int] | None,
) -> EntrypointStat:
    return EntrypointStat(
        entrypoint=name,
        queued=size["queued"],
        picked=size["picked"],
        oldest_age_seconds=age.oldest_age_seconds if age else None,
        p50_seconds=duration.p50_seconds if duration else None,
        p95_seconds=duration.p95_seconds if duration else None,
        p99_seconds=duration.p99_seconds if duration else None,
        completed=duration.completed if duration else 0,
        failure_rate=_failure_rate(flow),
        sparkline=line or [0] * SPARKLINE_SLOTS,
    )


def _failure_rate(flow: Counter[JOB_STATUS]) -> float | None:
    """The share of runs that failed; None when none ended."""
    ended = sum(flow[status] for status in OUTCOMES)
    return sum(flow[status] for status in FAILURES) / ended if ended else None


class JobControl(Protocol):
    """What a person may do to jobs."""

    async def requeue_jobs(self, ids: list[JobId]) -> None: ...

    async def mark_job_as_cancelled(self, ids: list[JobId]) -> None: ...


@dataclass(frozen=True, slots=True)
class QueueManagementService:
    """What a person may do to jobs from a dashboard; ids that do not fit are left alone."""

    repository: JobControl

    async def requeue(self, ids: list[JobId]) -> None:
        """Put held jobs back to the queue as if they were new."""
        await self.repository.requeue_jobs(ids)

    async def cancel(self, ids: list[JobId]) -> None:
        """Delete jobs and ask the handlers that run them to stop."""
        await self.repository.mark_job_as_cancelled(ids)
