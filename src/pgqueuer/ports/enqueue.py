"""Producing jobs, as the other parts of the library see it."""

from __future__ import annotations

from typing import Protocol

from pgqueuer.domain.enqueuing import Enqueuer


class EnqueuePort(Enqueuer, Protocol):
    """The part of a store that producers need."""
