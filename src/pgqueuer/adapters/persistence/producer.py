"""`enqueue`, for everything that keeps jobs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, TypeVar, overload

from pgqueuer.adapters.persistence.bulk import BulkQueries
from pgqueuer.adapters.persistence.enqueue import EnqueueCall, plan_enqueue
from pgqueuer.adapters.persistence.query_helpers import JobTypes
from pgqueuer.core.tracing import TracerGuard
from pgqueuer.domain.job_type import JobType
from pgqueuer.domain.types import (
    DedupeKeys,
    Delays,
    Entrypoints,
    HeaderSets,
    JobId,
    OnConflict,
    Payloads,
    Priorities,
)
from pgqueuer.ports.tracing import TracingProtocol

P = TypeVar("P")


class Producer(BulkQueries):
    """Checks what is to be enqueued; `_insert_jobs` says where it goes."""

    tracer: TracingProtocol | None

    @cached_property
    def _tracer_guard(self) -> TracerGuard:
        return TracerGuard(self.tracer)

    @overload
    async def enqueue(
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
    async def enqueue(
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
    async def enqueue(
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
    async def enqueue(
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
    async def enqueue(
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
    async def enqueue(
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

    async def enqueue(
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
        """Insert jobs and return their ids in input order.

        Scalars make one job; with lists, each argument has one value a job, and those left out
        take their default. A payload is bytes, which are sent as they are, or a pydantic model, a
        dataclass or a msgspec Struct, which is sent as JSON; with a JobType as entrypoint it is
        what that says. `execute_after` counts from now and may be negative. Of the active (queued
        or picked) jobs only one may hold a `dedupe_key`; `on_conflict` says what happens to a
        second one: `raise` DuplicateJobError and insert nothing, `skip` it (None in its place), or
        `update_priority` of the holder if it is lower, and return the holder's id.

        Raises ValueError or TypeError that names the argument, before anything is sent.
        """
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
        return await self._insert_jobs(planned)

    @abstractmethod
    async def _insert_jobs(self, planned: EnqueueCall) -> list[JobId | None]:
        """Insert the jobs, if there are any; raises DuplicateJobError."""
