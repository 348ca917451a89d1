"""Deleting old rows of the log and of the statistics."""

from __future__ import annotations

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.core.retention import PruneCalls
from pgqueuer.domain.retention import PruneRequest, PruneStep


class PruningQueries(StatementRunner, PruneCalls):
    """Old history goes in short transactions that wait for nobody."""

    async def prune_log_step(self, request: PruneRequest) -> PruneStep:
        """Delete old transitions; count those that the statistics did not have yet."""
        return await self._prune("prune_log", request)

    async def prune_statistics_step(self, request: PruneRequest) -> PruneStep:
        """Delete old counts."""
        return await self._prune("prune_statistics", request)

    async def _prune(self, statement: str, request: PruneRequest) -> PruneStep:
        (row,) = await self._fetch(
            statement,
            request.older_than,
            request.batch_size,
            request.after,
            request.alone,
            request.dry_run,
        )
        deleted, last = row["deleted"], row["last"]
        return PruneStep(
            deleted=deleted if isinstance(deleted, int) else 0,
            resume=last if isinstance(last, int) else None,
        )
