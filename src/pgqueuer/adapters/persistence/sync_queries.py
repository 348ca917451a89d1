"""`SyncQueries`: the queue for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar, overload

from pgqueuer.adapters.persistence import calls
from pgqueuer.adapters.persistence.calls import Call
from pgqueuer.adapters.persistence.enqueue import plan_enqueue
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.adapters.persistence.query_helpers import JobTypes
from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.core.tracing import TracerGuard
from pgqueuer.domain.job_type import JobType
from pgqueuer.domain.models import Job, JobStatusRow, Log, PausedEntrypoint, QueueStatistics
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import (
    DedupeKeys,
    Delays,
    Entrypoints,
    HeaderSets,
    JobId,
    OnConflict,
    Payloads,
    Priorities,
    SortOrder,
)
from pgqueuer.ports.driver import SyncDriver
from pgqueuer.ports.tracing import TracingProtocol

T = TypeVar("T")
P = TypeVar("P")


@dataclass
class SyncQueries:
    """What web handlers and scripts do with the queue, over one synchronous driver.

    Each method has the contract of the method of `Queries` with its name, and runs in the caller's
    transaction where the driver's connection is in one: its jobs exist, and its workers are woken,
    when that commits.
    """

    driver: SyncDriver
    qbq: QueryQueueBuilder = field(default_factory=QueryQueueBuilder)
    tracer: TracingProtocol | None = None

    @property
    def settings(self) -> DBSettings:
        """The names of the database objects."""
        return self.qbq.settings

    @overload
    def enqueue(
        self,
        entrypoint: Entrypoints,
        payload: Payloads,
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: Literal["raise", "update_priority"] = "raise",
    ) -> list[JobId]: ...

    @overload
    def enqueue(
        self,
        entrypoint: Entrypoints,
        payload: Payloads,
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: OnConflict,
    ) -> list[JobId | None]: ...

    @overload
    def enqueue(
        self,
        entrypoint: JobType[P],
        payload: P,
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: Literal["raise", "update_priority"] = "raise",
    ) -> list[JobId]: ...

    @overload
    def enqueue(
        self,
        entrypoint: JobType[P],
        payload: P,
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: OnConflict,
    ) -> list[JobId | None]: ...

    @overload
    def enqueue(
        self,
        entrypoint: Sequence[JobType[P]],
        payload: Sequence[P],
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: Literal["raise", "update_priority"] = "raise",
    ) -> list[JobId]: ...

    @overload
    def enqueue(
        self,
        entrypoint: Sequence[JobType[P]],
        payload: Sequence[P],
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: OnConflict,
    ) -> list[JobId | None]: ...

    def enqueue(
        self,
        entrypoint: Entrypoints | JobTypes,
        payload: object,
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: OnConflict = "raise",
    ) -> list[JobId] | list[JobId | None]:
        """Insert jobs and return their ids in input order."""
        planned = plan_enqueue(
            self.settings,
            self._tracer_guard,
            entrypoint,
            payload,
            priority,
            execute_after,
            dedupe_key,
            headers,
            on_conflict,
        )
        return self._send(planned.call)

    def mark_job_as_cancelled(self, ids: list[JobId]) -> None:
        """Delete jobs, queued, picked or held, and ask the handlers that run them to stop."""
        self.cancel_jobs(ids)

    def cancel_jobs(self, ids: list[JobId]) -> int:
        """As `mark_job_as_cancelled`; return the number of jobs that were there."""
        return self._send(calls.cancel_jobs(self.settings, ids))

    def requeue_jobs(self, ids: list[JobId]) -> None:
        """Put held jobs back to the queue as if they were new; others are left alone."""
        self.requeue_failed(ids)

    def requeue_failed(self, ids: list[JobId]) -> int:
        """As `requeue_jobs`; return the number of jobs that were put back."""
        return self._send(calls.requeue_failed(self.settings, ids))

    def pause_entrypoints(
        self, entrypoints: str | Iterable[str], *, reason: str | None = None
    ) -> int:
        """Let no worker claim jobs of these until resumed; return how many were not paused."""
        return self._send(calls.pause_entrypoints(entrypoints, reason))

    def resume_entrypoints(self, entrypoints: str | Iterable[str]) -> int:
        """Hand out jobs of these again; return how many were paused. Idle workers are woken."""
        return self._send(calls.resume_entrypoints(self.settings, entrypoints))

    def paused_entrypoints(self) -> list[PausedEntrypoint]:
        """What is paused, since when and why, by name."""
        return self._send(calls.paused_entrypoints())

    def queue_size(self) -> list[QueueStatistics]:
        """How many jobs there are, by entrypoint, priority and status."""
        return self._send(calls.queue_size())

    def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        """The newest status of each of these jobs; ids that the log does not know are left out."""
        return self._send(calls.job_status(ids))

    def list_failed_jobs(self, limit: int = 100, order: SortOrder = "DESC") -> list[Job]:
        """Held jobs by their creation, newest first unless `order` is ASC."""
        return self._send(calls.list_failed_jobs(limit, order))

    def queue_job_by_id(self, job_id: JobId) -> Job | None:
        """The job while it is queued, picked or held; None once it has left the queue."""
        return self._send(calls.queue_job_by_id(job_id))

    def job_log_history(self, job_id: JobId, limit: int = 100) -> list[Log]:
        """The newest transitions of a job, newest first."""
        return self._send(calls.job_log_history(job_id, limit))

    def _send(self, call: Call[T]) -> T:
        if call.statement is None:
            return call.read([])
        with call.errors():
            rows = self.driver.fetch(self._statements[call.statement], *call.args)
        return call.read(rows)

    @cached_property
    def _statements(self) -> Statements:
        return Statements(self.settings)

    @cached_property
    def _tracer_guard(self) -> TracerGuard:
        return TracerGuard(self.tracer)
