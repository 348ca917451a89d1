"""Reports on the jobs that are in the queue now, in memory."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from pgqueuer.adapters.inmemory.queries.backlog import Row
from pgqueuer.adapters.inmemory.queries.history import as_logs
from pgqueuer.adapters.inmemory.queries.schedules import Schedules
from pgqueuer.adapters.inmemory.queries.table import job_of
from pgqueuer.domain.models import (
    ActiveWorker,
    EntrypointHealth,
    FailureGroup,
    Job,
    QueueAgeStats,
    StaleJob,
    TableInfo,
    TracebackRecord,
    utc_now,
)
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import SEARCHED_JOBS


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

    async def entrypoint_health(self) -> list[EntrypointHealth]:
        """How long jobs wait and workers are silent, by entrypoint."""
        now = utc_now()
        waiting: defaultdict[QueueEntrypoint, float] = defaultdict(float)
        silent: defaultdict[QueueEntrypoint, float] = defaultdict(float)
        for row in self._table.rows.values():
            if row.status == "queued":
                since = max(row.created, row.execute_after)
                longest = max(waiting[row.entrypoint], (now - since).total_seconds())
                waiting[row.entrypoint] = longest
            elif row.status == "picked":
                longest = max(silent[row.entrypoint], (now - row.heartbeat).total_seconds())
                silent[row.entrypoint] = longest
        return [
            EntrypointHealth(
                entrypoint=name, waiting_seconds=waiting[name], silent_seconds=silent[name]
            )
            for name in sorted({*waiting, *silent})
        ]

    async def oldest_transaction(self) -> float:
        """0: nobody else has a transaction here."""
        return 0.0

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

    async def failure_groups(self, last: timedelta, limit: int = 1000) -> list[FailureGroup]:
        """Held jobs, and those that an exception ended in the window, by exception."""
        since = utc_now() - last
        groups: defaultdict[tuple[QueueEntrypoint, str | None], list[_Failure]] = defaultdict(list)
        for failure in [*self._held(limit), *self._ended(since, limit)]:
            groups[failure.entrypoint, failure.exception_type].append(failure)
        found = [_failure_group(*key, failures) for key, failures in groups.items()]
        return sorted(found, key=lambda group: group.last_seen, reverse=True)

    def _held(self, limit: int) -> list[_Failure]:
        held = [row for row in reversed(self._table.rows.values()) if row.status == "failed"]
        return [self._held_failure(row) for row in held[:limit]]

    def _held_failure(self, row: Row) -> _Failure:
        logs = as_logs(entry for entry in self._history.of_job(row.id) if entry.traceback)
        last = logs[-1] if logs else None
        reason = last.traceback if last else None
        return _Failure(row.id, row.entrypoint, last.created if last else row.updated, reason, True)

    def _ended(self, since: datetime, limit: int) -> list[_Failure]:
        ended = [
            entry
            for entry in reversed(self._history.entries)
            if entry.status == "exception" and entry.created >= since
        ]
        return [
            _Failure(log.job_id, log.entrypoint, log.created, log.traceback, False)
            for log in as_logs(ended[:limit])
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
        *,
        search: str | None = None,
        payloads: bool = True,
    ) -> list[Job]:
        """A page of the queue, newest first; None stands for any."""
        found = [
            row
            for row in reversed(self._table.rows.values())
            if (statuses is None or row.status in statuses)
            and (entrypoints is None or row.entrypoint in entrypoints)
        ]
        if search is not None:
            found = [
                row
                for place, row in enumerate(found)
                if str(row.id) == search or (place < SEARCHED_JOBS and _has_text(row, search))
            ]
        jobs = [job_of(row) for row in found[offset : offset + limit]]
        return jobs if payloads else [job.model_copy(update={"payload": None}) for job in jobs]

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
            self.settings.pauses_table: len(self._pauses),
        }
        return [
            TableInfo(
                table_name=name, persistence="UNLOGGED", estimated_rows=rows, total_size="0 bytes"
            )
            for name, rows in sorted(sizes.items())
        ]


class _Failure(NamedTuple):
    job_id: JobId
    entrypoint: QueueEntrypoint
    created: datetime
    reason: TracebackRecord | None
    is_held: bool

    @property
    def exception_type(self) -> str | None:
        return None if self.reason is None else self.reason.exception_type


def _failure_group(
    entrypoint: QueueEntrypoint, exception_type: str | None, failures: list[_Failure]
) -> FailureGroup:
    newest = max(failures, key=lambda failure: failure.created)
    return FailureGroup(
        entrypoint=entrypoint,
        exception_type=exception_type,
        newest_message=newest.reason.exception_message if newest.reason else None,
        newest_job=newest.job_id,
        count=len(failures),
        first_seen=min(failure.created for failure in failures),
        last_seen=newest.created,
        held=sorted(failure.job_id for failure in failures if failure.is_held),
    )


def _has_text(row: Row, text: str) -> bool:
    return (
        text.lower() in row.entrypoint.lower()
        or text.lower() in _headers_text(row).lower()
        or text.encode() in (row.payload or b"")
    )


def _headers_text(row: Row) -> str:
    return "" if row.headers is None else json.dumps(row.headers, ensure_ascii=False)


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
