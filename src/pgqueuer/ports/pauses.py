"""Pausing entrypoints, for all workers of a queue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from pgqueuer.domain.models import PausedEntrypoint


@runtime_checkable
class EntrypointPausing(Protocol):
    """A store that can hold jobs of some entrypoints back; optional."""

    async def pause_entrypoints(
        self, entrypoints: str | Iterable[str], *, reason: str | None = None
    ) -> int:
        """Let nobody claim jobs of these until they are resumed; return how many were not paused.

        Jobs that run go on to their end, those that wait keep their place. An entrypoint that no
        job has had yet may be paused. A new `reason` replaces the one there is.
        """
        ...

    async def resume_entrypoints(self, entrypoints: str | Iterable[str]) -> int:
        """Hand jobs of these out again, at once; return how many were paused."""
        ...

    async def paused_entrypoints(self) -> list[PausedEntrypoint]:
        """What is paused, by name."""
        ...
