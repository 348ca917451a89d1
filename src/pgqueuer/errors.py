"""Errors of the queue."""

from __future__ import annotations

from pgqueuer.domain.errors import (
    DuplicateJobError,
    FailingListenerError,
    InvalidPayloadError,
    LeaseLostError,
    PgqException,
    RetryException,
    RetryRequested,
    SchemaIncompleteError,
    Snooze,
    UnwrittenOutcomesError,
    retry_request,
)

__all__ = [
    "DuplicateJobError",
    "FailingListenerError",
    "InvalidPayloadError",
    "LeaseLostError",
    "PgqException",
    "RetryException",
    "RetryRequested",
    "SchemaIncompleteError",
    "Snooze",
    "UnwrittenOutcomesError",
    "retry_request",
]
