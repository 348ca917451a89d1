"""Producing jobs, as those see it who only want to enqueue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar, overload

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

P = TypeVar("P")


class Enqueuer(Protocol):
    """Inserts jobs; what it promises stands at `Queries.enqueue`."""

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
        entrypoint: Entrypoints | JobType[P] | Sequence[JobType[P]],
        payload: object,
        priority: Priorities = 0,
        execute_after: Delays = None,
        dedupe_key: DedupeKeys = None,
        headers: HeaderSets = None,
        *,
        on_conflict: OnConflict = "raise",
    ) -> list[JobId] | list[JobId | None]: ...
