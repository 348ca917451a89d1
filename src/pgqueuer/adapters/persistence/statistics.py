"""Counts: of the jobs that are there, and of the transitions that the log remembers."""

from __future__ import annotations

from datetime import timedelta

from pgqueuer.adapters.persistence import calls
from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.query_helpers import cell
from pgqueuer.adapters.persistence.rows import read_logs
from pgqueuer.adapters.persistence.validation import as_models
from pgqueuer.domain.lifecycle import TERMINAL
from pgqueuer.domain.models import JobEnds, JobStatusRow, Log, LogStatistics, QueueStatistics
from pgqueuer.domain.types import JobId

ROWS_PER_FOLD = 10_000
"""The literal LIMIT of `statistics_fold.sql`."""


class LogFolding(StatementRunner):
    """Folding, for whoever reads statistics."""

    async def _fold_if_allowed(self) -> None:
        """Fold, unless this role, or a standby, can only read; readers count from the log then."""
        if cell(await self._fetch("statistics_may_fold"), "allowed"):
            await self._fold()

    async def _fold(self, *, alone: bool = False) -> None:
        """Fold until nothing is left that nobody else is folding, a bounded batch a statement.

        With `alone`, do nothing while another such call is at it.
        """
        while cell(await self._fetch("statistics_fold", alone), "folded") == ROWS_PER_FOLD:
            continue


class StatisticsQueries(LogFolding):
    """The log, and the statistics that it is folded into.

    Each transition is counted once, by whichever fold gets hold of its log row first; readers
    count what is not folded yet from the log itself.
    """

    async def queue_size(self) -> list[QueueStatistics]:
        """How many jobs there are, by entrypoint, priority and status."""
        return await self._send(calls.queue_size())

    async def queue_log(self) -> list[Log]:
        """Every transition that the log remembers, oldest first; one row each in memory."""
        return read_logs(await self._fetch("log_rows"))

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        """The newest status of each of these jobs; ids that the log does not know are left out."""
        return await self._send(calls.job_status(ids))

    async def job_ends(self, after: int | None = None) -> JobEnds:
        """Which jobs ended after this place in the log, 10,000 rows at a time.

        Without a place nothing ended, and `settled` is where to begin.
        """
        if after is None:
            return as_models(JobEnds, await self._fetch("log_place"))[0]
        return as_models(JobEnds, await self._fetch("log_ends", after, sorted(TERMINAL)))[0]

    async def aggregate_logs(self) -> None:
        """Fold the log into the statistics; nothing while another caller of this is at it."""
        await self._fold(alone=True)

    async def log_statistics(
        self, limit: int | None, last: timedelta | None = None
    ) -> list[LogStatistics]:
        """Transitions by second, newest first, after a fold.

        At most `limit` rows (None: all) of the last `last` (None: ever).
        """
        await self._fold_if_allowed()
        return as_models(LogStatistics, await self._fetch("statistics_log", limit, last))

    async def unaggregated_log_count(self) -> int:
        """How many transitions were not folded yet."""
        pending = cell(await self._fetch("statistics_unaggregated"), "pending")
        return pending if isinstance(pending, int) else 0

    async def clear_statistics_log(self, entrypoint: str | list[str] | None = None) -> None:
        """Forget the statistics of these entrypoints, or truncate the table (None)."""
        await self._clear("statistics", entrypoint)

    async def clear_queue_log(self, entrypoint: str | list[str] | None = None) -> None:
        """Forget the transitions of these entrypoints, or truncate the log (None).

        Those that were not folded yet are never counted.
        """
        await self._clear("log", entrypoint)

    async def _clear(self, table: str, entrypoint: str | list[str] | None) -> None:
        if entrypoint is None:
            await self.driver.execute(self.statements[f"{table}_truncate"])
            return
        names = [entrypoint] if isinstance(entrypoint, str) else list(entrypoint)
        await self.driver.execute(self.statements[f"{table}_delete"], names)
