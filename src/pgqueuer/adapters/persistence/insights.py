"""Reports for people and dashboards; nothing here changes a job."""

from __future__ import annotations

from datetime import timedelta

from pgqueuer.adapters.persistence import calls
from pgqueuer.adapters.persistence.query_helpers import cell, is_storable
from pgqueuer.adapters.persistence.rows import read_logs, show_jobs
from pgqueuer.adapters.persistence.statistics import LogFolding
from pgqueuer.adapters.persistence.validation import as_models
from pgqueuer.domain.models import (
    ActiveWorker,
    EntrypointHealth,
    FailureGroup,
    Job,
    JobDurationStats,
    LatencyBucket,
    Log,
    QueueAgeStats,
    StaleJob,
    TableInfo,
    ThroughputBucket,
    ThroughputStats,
)
from pgqueuer.domain.types import JOB_STATUS, JobId, SortOrder
from pgqueuer.ports.repository import SEARCHED_JOBS


class InsightQueries(LogFolding):
    """What `InsightsRepositoryPort` asks for, beside sizes, statistics and schedules.

    Windows (`last`) end now, by the clock of the database.
    """

    async def queue_age(self) -> list[QueueAgeStats]:
        """How long queued jobs have been there, deferred ones included, by entrypoint."""
        return as_models(QueueAgeStats, await self._fetch("insight_queue_age"))

    async def entrypoint_health(self) -> list[EntrypointHealth]:
        """How long jobs wait and workers are silent, for entrypoints with queued or picked jobs."""
        return as_models(EntrypointHealth, await self._fetch("insight_health"))

    async def oldest_transaction(self) -> float:
        """Seconds that the oldest transaction of another session of this database is open.

        0 without one. Those of other users count only for a member of pg_read_all_stats.
        """
        return float(str(cell(await self._fetch("insight_oldest_transaction"), "seconds")))

    async def job_duration_percentiles(self, last: timedelta) -> list[JobDurationStats]:
        """Seconds from claim to outcome, by entrypoint; both must lie in the window."""
        return as_models(JobDurationStats, await self._fetch("insight_durations", last))

    async def throughput_summary(self, last: timedelta | None = None) -> list[ThroughputStats]:
        """Transitions by entrypoint and status, after a fold; None means ever."""
        await self._fold_if_allowed()
        return as_models(ThroughputStats, await self._fetch("insight_throughput", last))

    async def throughput_timeseries(self, last: timedelta) -> list[ThroughputBucket]:
        """Transitions by minute, entrypoint and status, oldest minute first, after a fold.

        The minute in which the window begins is counted in part; minutes without transitions
        are left out.
        """
        await self._fold_if_allowed()
        return as_models(ThroughputBucket, await self._fetch("insight_timeseries", last))

    async def latency_timeseries(self, last: timedelta, step: timedelta) -> list[LatencyBucket]:
        """How long jobs waited and ran, by steps of the clock, the oldest first.

        A wait begins with the enqueueing, so that a deferred job's counts from there; one that
        began before the window is left out. Steps without jobs are left out too.
        """
        return as_models(LatencyBucket, await self._fetch("insight_latency", last, step))

    async def failure_groups(self, last: timedelta, limit: int = 1000) -> list[FailureGroup]:
        """Held jobs, and those that an exception ended in the window, by exception.

        Of each kind the newest `limit` are looked at. The group with the newest failure is first.
        """
        return as_models(FailureGroup, await self._fetch("insight_failure_groups", last, limit))

    async def active_workers(self) -> list[ActiveWorker]:
        """Workers that hold jobs, the busiest first; an idle worker is not seen."""
        return as_models(ActiveWorker, await self._fetch("insight_workers"))

    async def stale_jobs(self, threshold: timedelta, limit: int = 100) -> list[StaleJob]:
        """Picked jobs without a heartbeat for `threshold`, oldest first; zero means every one."""
        return as_models(StaleJob, await self._fetch("insight_stale_jobs", threshold, limit))

    async def exception_logs(self, limit: int = 100) -> list[Log]:
        """The newest log rows of jobs that an exception ended, newest first."""
        return read_logs(await self._fetch("insight_exceptions", limit))

    async def newest_logs(self, limit: int = 100) -> list[Log]:
        """The newest transitions of all jobs, newest first."""
        return as_models(Log, await self._fetch("insight_log", limit))

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
        """A page of jobs, the newest id first; None means any, an empty list none.

        Without `payloads` theirs are not read, and None.

        `search` is an id, or a text in the entrypoint, the headers or the payload; only in the
        payload its case counts. It looks into the newest `SEARCHED_JOBS` that fit otherwise; a job
        with that id is found anyway.
        """
        page = (limit, offset, statuses, entrypoints, payloads)
        if search is None:
            return show_jobs(await self._fetch("insight_browse", *page))
        if not is_storable(search):
            return []
        return show_jobs(await self._fetch("insight_search", *page, search, SEARCHED_JOBS))

    async def queue_job_by_id(self, job_id: JobId) -> Job | None:
        """The job while it is queued, picked or held; None once it has left the queue."""
        return await self._send(calls.queue_job_by_id(job_id))

    async def list_failed_jobs(self, limit: int = 100, order: SortOrder = "DESC") -> list[Job]:
        """Held jobs by their creation, newest first unless `order` is ASC."""
        return await self._send(calls.list_failed_jobs(limit, order))

    async def job_log_history(self, job_id: JobId, limit: int = 100) -> list[Log]:
        """The newest transitions of a job, newest first."""
        return await self._send(calls.job_log_history(job_id, limit))

    async def schema_info(self) -> list[TableInfo]:
        """The tables of the installation that exist, by name."""
        return as_models(TableInfo, await self._fetch("insight_schema"))
