"""What producers and operators ask of the queue, each as one statement and how to read its answer.

A `Call` sends nothing. `Queries` and `SyncQueries` build the same calls and differ only in how
they send them, so that what an operation does is written once for both. What each promises stands
at the method of `Queries` with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from pgqueuer.adapters.persistence.duplicates import duplicates_named
from pgqueuer.adapters.persistence.query_helpers import cell, entrypoint_names, pause_reason
from pgqueuer.adapters.persistence.rows import read_logs, show_jobs
from pgqueuer.adapters.persistence.validation import as_models
from pgqueuer.domain import events
from pgqueuer.domain.models import Job, JobStatusRow, Log, PausedEntrypoint, QueueStatistics
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import JobId, SortOrder

T = TypeVar("T")
Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """Run the statement of this name with `args`, inside `errors()`, and give the rows to `read`.

    Without a `statement` nothing has to be sent, and `read` gets no rows. `dedupe_keys` are those
    that the statement may be refused for.
    """

    statement: str | None
    args: tuple[object, ...] = ()
    read: Callable[[Rows], T]
    dedupe_keys: Sequence[str | None] | None = None

    def errors(self) -> AbstractContextManager[None]:
        """Turns what the driver raises into what the caller is promised."""
        return nullcontext() if self.dedupe_keys is None else duplicates_named(self.dedupe_keys)


def queue_size() -> Call[list[QueueStatistics]]:
    return Call(
        statement="statistics_queue_size", read=lambda rows: as_models(QueueStatistics, rows)
    )


def job_status(ids: Sequence[JobId]) -> Call[list[JobStatusRow]]:
    return Call(
        statement="log_job_status" if ids else None,
        args=(list(ids),),
        read=lambda rows: as_models(JobStatusRow, rows),
    )


def queue_job_by_id(job_id: JobId) -> Call[Job | None]:
    return Call(
        statement="insight_job", args=(job_id,), read=lambda rows: next(iter(show_jobs(rows)), None)
    )


def job_log_history(job_id: JobId, limit: int) -> Call[list[Log]]:
    return Call(
        statement="insight_job_history",
        args=(job_id, limit),
        read=read_logs,
    )


def list_failed_jobs(limit: int, order: SortOrder) -> Call[list[Job]]:
    if order not in ("ASC", "DESC"):
        raise ValueError(f"order must be 'ASC' or 'DESC', got {order!r}")
    return Call(statement="insight_failed_jobs", args=(limit, order), read=show_jobs)


def cancel_jobs(settings: DBSettings, ids: Sequence[JobId]) -> Call[int]:
    changed = events.table_changed(settings.channel, settings.queue_table, "delete")
    messages = [*events.cancellations(settings.channel, list(ids)), changed]
    return Call(statement="cancel", args=(list(ids), messages), read=_count_of("canceled"))


def requeue_failed(settings: DBSettings, ids: Sequence[JobId]) -> Call[int]:
    message = events.table_changed(settings.channel, settings.queue_table, "update")
    return Call(
        statement="requeue_failed",
        args=(list(ids), message),
        read=_count_of("requeued"),
        dedupe_keys=[None],
    )


def pause_entrypoints(entrypoints: str | Iterable[str], reason: str | None) -> Call[int]:
    names = entrypoint_names(entrypoints)
    return Call(
        statement="pause_entrypoints" if names else None,
        args=(names, pause_reason(reason)),
        read=_count_of("paused"),
    )


def resume_entrypoints(settings: DBSettings, entrypoints: str | Iterable[str]) -> Call[int]:
    names = entrypoint_names(entrypoints)
    message = events.table_changed(settings.channel, settings.queue_table, "update")
    return Call(
        statement="resume_entrypoints" if names else None,
        args=(names, message),
        read=_count_of("resumed"),
    )


def paused_entrypoints() -> Call[list[PausedEntrypoint]]:
    return Call(statement="paused_entrypoints", read=lambda rows: as_models(PausedEntrypoint, rows))


def _count_of(column: str) -> Callable[[Rows], int]:
    def read(rows: Rows) -> int:
        count = cell(rows, column) if rows else 0
        return count if isinstance(count, int) else 0

    return read
