"""Pausing entrypoints: the table that every claim looks at."""

from __future__ import annotations

from collections.abc import Iterable

from pgqueuer.adapters.persistence import calls
from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.domain.models import PausedEntrypoint


class PauseQueries(StatementRunner):
    """What `EntrypointPausing` asks for, in PostgreSQL."""

    async def pause_entrypoints(
        self, entrypoints: str | Iterable[str], *, reason: str | None = None
    ) -> int:
        """Let no worker claim jobs of these until resumed; return how many were not paused.

        Jobs that run go on to their end; those that wait keep their place, and count in
        `queue_size`. An entrypoint that no job has had yet may be paused. What is paused already
        stays so since when it was; a new `reason` replaces the one there is. Raises ValueError or
        TypeError for what can not be the name of an entrypoint, before anything is sent.
        """
        return await self._send(calls.pause_entrypoints(entrypoints, reason))

    async def resume_entrypoints(self, entrypoints: str | Iterable[str]) -> int:
        """Hand out jobs of these again; return how many were paused. Idle workers are woken.

        Raises as `pause_entrypoints` does.
        """
        return await self._send(calls.resume_entrypoints(self.settings, entrypoints))

    async def paused_entrypoints(self) -> list[PausedEntrypoint]:
        """What is paused, since when and why, by name."""
        return await self._send(calls.paused_entrypoints())
