"""Deleting old history, in memory."""

from __future__ import annotations

from pgqueuer.adapters.inmemory.queries.base import InMemoryBase
from pgqueuer.adapters.inmemory.queries.history import Entry
from pgqueuer.core.retention import PruneCalls
from pgqueuer.domain.models import utc_now
from pgqueuer.domain.retention import PruneRequest, PruneStep


class Pruning(InMemoryBase, PruneCalls):
    """A step takes everything at once: there is nobody to make room for."""

    async def prune_log_step(self, request: PruneRequest) -> PruneStep:
        """Drop old transitions; they stay counted."""
        before = utc_now() - request.older_than
        gone: list[Entry] = []
        for steps in self._history.jobs():
            old = [entry for entry in steps if entry.created < before]
            if steps[0].job_id in self._table.rows:
                gone += [entry for entry in old if entry is not steps[-1]]
            elif len(old) == len(steps):
                gone += old
        if gone and not request.dry_run:
            self._history.drop(gone)
        return PruneStep(deleted=len(gone), resume=None)

    async def prune_statistics_step(self, request: PruneRequest) -> PruneStep:
        """Drop old counts."""
        before = utc_now() - request.older_than
        gone = [key for key in self._history.counts if key[0] < before]
        if not request.dry_run:
            for key in gone:
                del self._history.counts[key]
        return PruneStep(deleted=len(gone), resume=None)
