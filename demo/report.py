"""What became of the jobs of a run, read from the queue's own history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

TIMELINE = """
SELECT
    queued.job_id,
    queued.created AS queued,
    picked.created AS picked,
    ended.created AS ended,
    ended.status::text AS status,
    ended.traceback ->> 'exception_type' AS error,
    ended.traceback ->> 'exception_message' AS message
FROM pgqueuer_log AS queued
LEFT JOIN LATERAL (
    SELECT log.created FROM pgqueuer_log AS log
    WHERE log.job_id = queued.job_id AND log.status = 'picked'
    ORDER BY log.id DESC LIMIT 1
) AS picked ON true
LEFT JOIN LATERAL (
    SELECT log.created, log.status, log.traceback FROM pgqueuer_log AS log
    WHERE log.job_id = queued.job_id AND log.status IN ('successful', 'failed')
    ORDER BY log.id DESC LIMIT 1
) AS ended ON true
WHERE queued.job_id = ANY ($1::bigint[]) AND queued.status = 'queued'
"""
LARGEST = """
SELECT path, lines, functions, classes, imports, longest_function, longest_function_name
FROM demo_figures WHERE path = ANY ($1::text[]) ORDER BY lines DESC, path LIMIT 10
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line a job of the run."""

    job_id: int
    queued: datetime
    picked: datetime | None
    ended: datetime | None
    status: str | None
    error: str | None
    message: str | None


async def read_runs(connection: asyncpg.Connection, job_ids: Sequence[int]) -> list[Run]:
    """The history of these jobs, by the time that they ended."""
    rows = await connection.fetch(TIMELINE, list(job_ids))
    runs = [Run(**dict(row)) for row in rows]
    return sorted(runs, key=lambda run: (run.ended is None, run.ended or run.queued))


def quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95 and p99 by nearest rank; zeros for no values."""
    if not values:
        return (0.0, 0.0, 0.0)
    ordered = sorted(values)
    return tuple(  # type: ignore[return-value]
        ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95, 0.99)
    )
