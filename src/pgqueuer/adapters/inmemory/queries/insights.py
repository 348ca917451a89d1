"""Reports on the jobs that are in the queue now, in memory."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.backlog import Row
from pgqueuer.adapters.inmemory.queries.schedules import Schedules
from pgqueuer.adapters.inmemory.queries.table import job_of
from pgqueuer.domain.models import ActiveWorker, Job, QueueAgeStats, StaleJob, TableInfo, utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId


class Insights(Schedules):
    """For people and dashboards."""

    async def queue_age(self) -> list[QueueAgeStats]:
        """How long queued jobs have been there, by entrypoint."""
        now = utc_now()
        queued: defaultdict[QueueEntrypoint, list[Row]] = defaultdict(list)
        for row in self._table.rows.values():
            if row.status == "queued":
                queued[row.entrypoint].append(row)
        return [_age(entrypoint, rows, now) for entrypoint, rows in sorted(queued.items())]

    async def active_workers(self) -> list[ActiveWorker]:
        """Workers as seen from the jobs that they hold, the busiest first."""
        held: defaultdict[QueueManagerId, list[Row]] = defaultdict(list)
        for row in self._table.picked.values():
            if row.queue_manager_id is not None:
                held[row.queue_manager_id].append(row)
        return [
            ActiveWorker(
                queue_manager_id=owner,
                active_jobs=len(rows),
                oldest_heartbeat=min(row.heartbeat for row in rows),
                newest_heartbeat=max(row.heartbeat for row in rows),
                entrypoints=sorted({row.entrypoint for row in rows}),
            )
            for owner, rows in sorted(held.items(), key=lambda item: (-len(item[1]), item[0]))
        ]

    async def stale_jobs(self, threshold: timedelta, limit: int = 100) -> list[StaleJob]:
        """Picked jobs without a heartbeat for `threshold`, the oldest heartbeat first."""
        now = utc_now()
        stale = [row for row in self._table.picked.values() if row.heartbeat <= now - threshold]
        stale.sort(key=lambda row: (row.heartbeat, row.id))
        return [
            StaleJob(
                **job_of(row).model_dump(include=set(StaleJob.model_fields)),
                seconds_since_heartbeat=(now - row.heartbeat).total_seconds(),
            )
            for row in stale[:limit]
        ]

    async def browse_queue(
        self,
        limit: int = 50,
        offset: int = 0,
        statuses: list[JOB_STATUS] | None = None,
        entrypoints: list[str] | None = None,
    ) -> list[Job]:
        """A page of the queue, newest first; None stands for any status or entrypoint."""
        found = [
            row
            for row in reversed(self._table.rows.values())
            if (statuses is None or row.status in statuses)
            and (entrypoints is None or row.entrypoint in entrypoints)
        ]
        return [job_of(row) for row in found[offset : offset + limit]]

    async def queue_job_by_id(self, job_id: JobId) -> Job | None:
        """The job, if it is still there."""
        row = self._table.rows.get(job_id)
        return None if row is None else job_of(row)

    async def schema_info(self) -> list[TableInfo]:
        """The tables by the names that they would have in a database; none has a size."""
        sizes = {
            self.settings.queue_table: len(self._table.rows),
            self.settings.queue_table_log: len(self._history.entries),
            self.settings.statistics_table: len(self._history.counts),
            self.settings.schedules_table: len(self._schedules.rows),
        }
        return [
            TableInfo(
                table_name=name, persistence="UNLOGGED", estimated_rows=rows, total_size="0 bytes"
            )
            for name, rows in sorted(sizes.items())
        ]


def _age(entrypoint: QueueEntrypoint, rows: list[Row], now: datetime) -> QueueAgeStats:
    oldest = min(row.created for row in rows)
    ages = [(now - row.created).total_seconds() for row in rows]
    return QueueAgeStats(
        entrypoint=entrypoint,
        queued_count=len(rows),
        oldest_created=oldest,
        oldest_age_seconds=max(ages),
        avg_age_seconds=sum(ages) / len(ages),
    )
