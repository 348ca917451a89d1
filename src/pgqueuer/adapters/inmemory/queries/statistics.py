"""The log, its statistics, and reports on both, in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pgqueuer.adapters.inmemory.queries.base import InMemoryBase
from pgqueuer.adapters.inmemory.queries.history import as_logs
from pgqueuer.domain.lifecycle import TERMINAL
from pgqueuer.domain.models import (
    JobDurationStats,
    JobEnds,
    JobStatusRow,
    LatencyBucket,
    Log,
    LogStatistics,
    ThroughputBucket,
    ThroughputStats,
    utc_now,
)
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint


class Statistics(InMemoryBase):
    """Reads count every transition once, folded or not."""

    async def queue_log(self) -> list[Log]:
        """Every transition, oldest first."""
        return as_logs(self._history.entries)

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        """The newest status of each job that the log knows."""
        return [
            JobStatusRow(job_id=job_id, status=steps[-1].status)
            for job_id in dict.fromkeys(ids)
            if (steps := self._history.of_job(job_id))
        ]

    async def job_ends(self, after: int | None = None) -> JobEnds:
        """Which jobs ended after this place in the log; without a place, where it ends now."""
        last = self._history.last
        ended = [
            entry
            for entry in self._history.after(last if after is None else after)
            if entry.status in TERMINAL
        ]
        return JobEnds(
            job_ids=[entry.job_id for entry in ended],
            statuses=[entry.status for entry in ended],
            last=last,
            settled=last,
            more=False,
        )

    async def job_log_history(self, job_id: JobId, limit: int = 100) -> list[Log]:
        """The newest transitions of a job, newest first."""
        return as_logs(self._history.of_job(job_id)[::-1][:limit])

    async def exception_logs(self, limit: int = 100) -> list[Log]:
        """The newest log rows of jobs that an exception ended."""
        ended = [entry for entry in self._history.entries if entry.status == "exception"]
        return as_logs(ended[::-1][:limit])

    async def aggregate_logs(self) -> None:
        """Fold the log into the statistics."""
        self._history.fold()

    async def unaggregated_log_count(self) -> int:
        """How many log rows are not in the statistics yet."""
        return len(self._history.unfolded)

    async def log_statistics(
        self, limit: int | None, last: timedelta | None = None
    ) -> list[LogStatistics]:
        """Transitions by second, newest first."""
        rows = [
            LogStatistics(
                count=count, created=second, entrypoint=entrypoint, priority=priority, status=status
            )
            for (second, entrypoint, priority, status), count in self._history.totals(last).items()
        ]
        rows.sort(key=lambda row: (row.entrypoint, row.priority, row.status))
        rows.sort(key=lambda row: row.created, reverse=True)
        return rows[:limit]

    async def throughput_summary(self, last: timedelta | None = None) -> list[ThroughputStats]:
        """Transitions by entrypoint and status."""
        sums: Counter[tuple[QueueEntrypoint, JOB_STATUS]] = Counter()
        for (_, entrypoint, _, status), count in self._history.totals(last).items():
            sums[entrypoint, status] += count
        return [
            ThroughputStats(entrypoint=entrypoint, status=status, total_count=count)
            for (entrypoint, status), count in sorted(sums.items())
        ]

    async def throughput_timeseries(self, last: timedelta) -> list[ThroughputBucket]:
        """Transitions by minute, entrypoint and status."""
        sums: Counter[tuple[datetime, QueueEntrypoint, JOB_STATUS]] = Counter()
        for (second, entrypoint, _, status), count in self._history.totals(last).items():
            sums[second.replace(second=0), entrypoint, status] += count
        return [
            ThroughputBucket(bucket=minute, entrypoint=entrypoint, status=status, count=count)
            for (minute, entrypoint, status), count in sorted(sums.items())
        ]

    async def job_duration_percentiles(self, last: timedelta) -> list[JobDurationStats]:
        """Seconds from claim to outcome, by entrypoint."""
        runs: defaultdict[QueueEntrypoint, list[float]] = defaultdict(list)
        since = utc_now() - last
        for steps in self._history.jobs():
            recent = [entry for entry in steps if entry.created >= since]
            for before, entry in pairwise(recent):
                if before.status == "picked" and entry.status in _OUTCOMES:
                    seconds = (entry.created - before.created).total_seconds()
                    runs[entry.entrypoint].append(max(0.0, seconds))
        return [
            JobDurationStats(
                entrypoint=entrypoint,
                completed=len(seconds),
                p50_seconds=percentile_cont(seconds, 0.5),
                p95_seconds=percentile_cont(seconds, 0.95),
                p99_seconds=percentile_cont(seconds, 0.99),
                max_seconds=max(seconds),
            )
            for entrypoint, seconds in sorted(runs.items())
        ]

    async def latency_timeseries(self, last: timedelta, step: timedelta) -> list[LatencyBucket]:
        """How long jobs waited and ran, by steps of the clock."""
        spans: defaultdict[datetime, tuple[list[float], list[float]]] = defaultdict(
            lambda: ([], [])
        )
        since = utc_now() - last
        for steps in self._history.jobs():
            recent = [entry for entry in steps if entry.created >= since]
            for before, entry in pairwise(recent):
                waited = before.status == "queued" and entry.status == "picked"
                ran = before.status == "picked" and entry.status in _OUTCOMES
                if waited or ran:
                    begin = entry.created - (entry.created - _EPOCH) % step
                    seconds = (entry.created - before.created).total_seconds()
                    spans[begin][ran].append(max(0.0, seconds))
        return [
            LatencyBucket(
                bucket=begin,
                wait_p50_seconds=percentile_cont(waits, 0.5) if waits else None,
                wait_p95_seconds=percentile_cont(waits, 0.95) if waits else None,
                run_p50_seconds=percentile_cont(runs, 0.5) if runs else None,
                run_p95_seconds=percentile_cont(runs, 0.95) if runs else None,
            )
            for begin, (waits, runs) in sorted(spans.items())
        ]

    async def clear_statistics_log(self, entrypoint: str | list[str] | None = None) -> None:
        """Forget the statistics of these entrypoints, or all."""
        for key in list(self._history.counts):
            if _concerns(key[1], entrypoint):
                del self._history.counts[key]

    async def clear_queue_log(self, entrypoint: str | list[str] | None = None) -> None:
        """Forget the transitions of these entrypoints, or all."""
        self._history.forget(lambda name: _concerns(name, entrypoint))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUTCOMES: frozenset[JOB_STATUS] = frozenset({"successful", "exception", "canceled", "failed"})


def percentile_cont(values: Sequence[float], fraction: float) -> float:
    """The value at `fraction` (0 to 1) of the sorted values, interpolated as PostgreSQL does.

    Raises ValueError without values.
    """
    if not values:
        raise ValueError("percentile_cont needs at least one value")
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _concerns(name: str, entrypoint: str | list[str] | None) -> bool:
    if entrypoint is None:
        return True
    return name == entrypoint if isinstance(entrypoint, str) else name in entrypoint
