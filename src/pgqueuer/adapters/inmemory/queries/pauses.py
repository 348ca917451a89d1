"""Pausing entrypoints, in memory."""

from __future__ import annotations

from collections.abc import Iterable

from pgqueuer.adapters.inmemory.queries.base import InMemoryBase
from pgqueuer.adapters.persistence.query_helpers import entrypoint_names, pause_reason
from pgqueuer.domain.models import PausedEntrypoint, utc_now
from pgqueuer.domain.types import QueueEntrypoint


class Pauses(InMemoryBase):
    """What nobody claims; the same contract as `Queries`."""

    async def pause_entrypoints(
        self, entrypoints: str | Iterable[str], *, reason: str | None = None
    ) -> int:
        """Hold jobs of these back; return how many were not paused before."""
        names, why = entrypoint_names(entrypoints), pause_reason(reason)
        now, before = utc_now(), len(self._pauses)
        for name in map(QueueEntrypoint, names):
            pause = self._pauses.setdefault(name, PausedEntrypoint(entrypoint=name, since=now))
            pause.reason = why or pause.reason
        return len(self._pauses) - before

    async def resume_entrypoints(self, entrypoints: str | Iterable[str]) -> int:
        """Hand jobs of these out again; return how many were paused."""
        names = map(QueueEntrypoint, entrypoint_names(entrypoints))
        resumed = sum(self._pauses.pop(name, None) is not None for name in names)
        if resumed:
            await self._tell_changed("update")
        return resumed

    async def paused_entrypoints(self) -> list[PausedEntrypoint]:
        """What is paused, by name."""
        return [pause.model_copy() for _, pause in sorted(self._pauses.items())]

    def _served(self, entrypoints: Iterable[QueueEntrypoint]) -> list[QueueEntrypoint]:
        """Those that are not paused."""
        return [name for name in entrypoints if name not in self._pauses]
