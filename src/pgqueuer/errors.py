"""Errors of the queue."""

from __future__ import annotations

from pgqueuer.domain.errors import (
    DuplicateJobError,
    FailingListenerError,
    PgqException,
    RetryException,
    RetryRequested,
    UnwrittenOutcomesError,
)

__all__ = [
    "DuplicateJobError",
    "FailingListenerError",
    "PgqException",
    "RetryException",
    "RetryRequested",
    "UnwrittenOutcomesError",
]
