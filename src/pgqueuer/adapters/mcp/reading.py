"""The tools that look: one for each report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pgqueuer.adapters.mcp.database import Connection
from pgqueuer.adapters.mcp.durations import parse_duration
from pgqueuer.adapters.mcp.rows import Row, as_rows

Tool: TypeAlias = Callable[..., Awaitable[list[Row]]]

MOST_ROWS = 10_000


class ReadingTools:
    """Each method is a tool; its docstring is what an agent reads, and no call changes a job.

    Limits from 1 to 10,000 are taken, others are a ValueError.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def all(self) -> tuple[Tool, ...]:
        """The tools in the order of their listing."""
        return (
            self.queue_size,
            self.queue_table_info,
            self.queue_stats,
            self.throughput_summary,
            self.failed_jobs,
            self.queue_log,
            self.schedules,
            self.paused_entrypoints,
            self.stale_jobs,
            self.active_workers,
            self.queue_age,
            self.schema_info,
        )

    async def queue_size(self) -> list[Row]:
        """How many jobs are in the queue, by entrypoint, priority and status."""
        return as_rows(await self._connection.database.insights.queue_size())

    async def queue_table_info(self, limit: int = 100, offset: int = 0) -> list[Row]:
        """Jobs in the queue, newest first, with payload and headers."""
        if offset < 0:
            raise ValueError("offset has to be 0 or more")
        insights = self._connection.database.insights
        return as_rows(await insights.browse_queue(_checked(limit), offset))

    async def queue_stats(self, period: str | None = None, limit: int = 50) -> list[Row]:
        """Transitions by second, entrypoint and status, newest first, in an ISO 8601 period."""
        last = None if period is None else parse_duration(period)
        queries = self._connection.database.queries
        return as_rows(await queries.log_statistics(_checked(limit), last))

    async def throughput_summary(self, period: str | None = None) -> list[Row]:
        """Transitions by entrypoint and status, in an ISO 8601 period or ever."""
        last = None if period is None else parse_duration(period)
        return as_rows(await self._connection.database.queries.throughput_summary(last))

    async def failed_jobs(self, limit: int = 50) -> list[Row]:
        """The newest jobs that an exception ended, with their tracebacks."""
        return as_rows(await self._connection.database.insights.exception_logs(_checked(limit)))

    async def queue_log(self, limit: int = 100) -> list[Row]:
        """The newest transitions of all jobs, newest first."""
        return as_rows(await self._connection.database.queries.newest_logs(_checked(limit)))

    async def schedules(self) -> list[Row]:
        """Every schedule with its cron expression, its next and its last run."""
        return as_rows(await self._connection.database.insights.schedules())

    async def paused_entrypoints(self) -> list[Row]:
        """Entrypoints that are paused, since when and why: no worker claims their jobs."""
        return as_rows(await self._connection.database.insights.paused())

    async def stale_jobs(self, threshold: str = "PT5M", limit: int = 50) -> list[Row]:
        """Running jobs whose worker was silent for the threshold, an ISO 8601 duration."""
        insights = self._connection.database.insights
        return as_rows(await insights.stale_jobs(parse_duration(threshold), _checked(limit)))

    async def active_workers(self) -> list[Row]:
        """Workers that hold jobs, the busiest first; an idle worker is not seen."""
        return as_rows(await self._connection.database.insights.active_workers())

    async def queue_age(self) -> list[Row]:
        """How long queued jobs have been waiting, by entrypoint."""
        return as_rows(await self._connection.database.insights.queue_age())

    async def schema_info(self) -> list[Row]:
        """The tables of the queue, with their sizes."""
        return as_rows(await self._connection.database.insights.schema_info())


def _checked(limit: int) -> int:
    if not 1 <= limit <= MOST_ROWS:
        raise ValueError(f"limit has to be from 1 to {MOST_ROWS}")
    return limit
