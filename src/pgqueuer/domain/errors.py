"""Errors that users of the queue see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta


class PgqException(Exception):
    """Base of every error that the queue raises on purpose."""


class RetryException(PgqException):
    """Base of the exceptions by which a handler asks to be run again."""


class RetryRequested(RetryException):
    """Raise it in a handler to put the job back to the queue.

    `delay` counts from the moment the outcome is written; `reason` is kept in the job's log. The
    run counts as an attempt.
    """

    def __init__(self, delay: timedelta = timedelta(0), reason: str | None = None) -> None:
        super().__init__(reason or "Retry requested")
        self.delay = delay
        self.reason = reason


class Snooze(RetryRequested):
    """Raise it in a handler to put the job back for `delay` without counting an attempt.

    For a job that is well but came too early. Code that lets a RetryRequested pass lets this pass
    too.
    """

    def __init__(self, delay: timedelta, reason: str | None = None) -> None:
        super().__init__(delay, reason or "Snoozed")
        self.reason = reason


class DuplicateJobError(PgqException):
    """Nothing was enqueued: an active job holds one of the dedupe keys.

    `dedupe_key` has only the keys that clash; None stands for a key that could not be told.
    """

    def __init__(self, dedupe_key: Sequence[str | None]) -> None:
        self.dedupe_key = list(dedupe_key)
        keys = ", ".join(repr(key) for key in self.dedupe_key)
        super().__init__(
            f"An active job already holds dedupe_key {keys}; "
            "use on_conflict='skip' or 'update_priority' to accept that."
        )


class FailingListenerError(PgqException):
    """The listener did not answer a health check in time."""


class InvalidPayloadError(PgqException):
    """The payload of a job is not what its handler declared.

    The job is parked as `failed`, with this in its log. The message says what is wrong and where,
    never the payload.
    """


class LeaseLostError(PgqException):
    """A job can not be completed: it was taken over, canceled or completed already.

    A handler that gets this lets it pass, so that its transaction is rolled back; what the worker
    then says about the job is dropped.
    """

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        super().__init__(
            f"Job {job_id} is not this worker's any more: it was taken over, canceled or completed "
            "already. Roll the transaction back."
        )


class UnwrittenOutcomesError(PgqException):
    """A worker ended before the outcomes of these jobs could be written.

    The jobs stay `picked` until their lease expires; then another worker runs them again.
    """

    def __init__(self, job_ids: Sequence[int]) -> None:
        self.job_ids = list(job_ids)
        ids = ", ".join(map(str, self.job_ids))
        super().__init__(
            f"The outcomes of {len(self.job_ids)} job(s) could not be written: {ids}. "
            "They run again when their lease expires; check the database connection."
        )


class StatementTimeoutError(PgqException, TimeoutError):
    """The database did not answer a statement in time.

    The statement was canceled; a connection on which even that had no effect was given up. See
    PGQUEUER_STATEMENT_TIMEOUT.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"The database did not answer within {seconds:g} s; the statement was given up"
        )


class SchemaIncompleteError(PgqException, RuntimeError):
    """The database lacks what a worker needs; the message says which command adds it."""


class SchemaDriftError(PgqException):
    """A column has a type that no upgrade converts."""

    def __init__(self, *, table: str, column: str, installed: str, declared: str) -> None:
        self.table = table
        self.column = column
        self.installed = installed
        self.declared = declared
        super().__init__(
            f"Column {table}.{column} has type {installed}, expected {declared}, and there is "
            "no conversion for it. Alter the column by hand, then run the upgrade again."
        )


def retry_request(exc: BaseException) -> RetryRequested | None:
    """The retry that `exc` asks for, or None.

    A group counts when every leaf of it is a RetryRequested. The one with the longest delay stands
    for the group; of equal ones, the first.
    """
    if isinstance(exc, RetryRequested):
        return exc
    if not isinstance(exc, BaseExceptionGroup):
        return None
    members = [retry_request(member) for member in exc.exceptions]
    requests = [member for member in members if member is not None]
    if len(requests) < len(members):
        return None
    return max(requests, key=lambda request: request.delay)
