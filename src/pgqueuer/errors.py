"""Errors of the queue."""

from __future__ import annotations

from pgqueuer.domain.errors import (
    DuplicateJobError,
    FailingListenerError,
    InvalidPayloadError,
    PgqException,
    RetryException,
    RetryRequested,
    Snooze,
    UnwrittenOutcomesError,
)

__all__ = [
    "DuplicateJobError",
    "FailingListenerError",
    "InvalidPayloadError",
    "PgqException",
    "RetryException",
    "RetryRequested",
    "Snooze",
    "UnwrittenOutcomesError",
]
