"""A store next to the model: its ids as numbers, its times as hours, its tables as plain values."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.lifecycle import EntrypointTerms, Settlement
from pgqueuer.domain.models import Job, TracebackRecord, utc_now
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId
from tests.statemachine.model import LogRow, ModelJob, NewJob, Outcome, Owner

HOUR = timedelta(hours=1)
"""Long against the time that an example takes, so that its real time is nothing."""

WORKERS = [QueueManagerId(UUID(int=number + 1)) for number in range(3)]

Row = tuple[object, ...]
"""Entrypoint, priority, key, due, status, owner, seat, attempts, takeovers and heartbeat."""

DELETED_ID = 10_000_000
"""An id that no job has."""


def hours(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration / HOUR)


def terms(
    limits: Mapping[str, int], max_takeovers: int = 5
) -> dict[QueueEntrypoint, EntrypointTerms]:
    return {
        QueueEntrypoint(name): EntrypointTerms(concurrency_limit=limit, max_takeovers=max_takeovers)
        for name, limit in limits.items()
    }


@dataclass
class Side(ABC):
    """One of the stores.

    `numbers` and `ids` translate; `claimed` has the jobs as workers got them.
    """

    queries: Queries | InMemoryQueries
    has_seats: bool = True
    ids: list[JobId] = field(default_factory=list)
    numbers: dict[JobId, int] = field(default_factory=dict)
    claimed: dict[tuple[int, Owner], Job] = field(default_factory=dict)

    @abstractmethod
    async def rows(self, now: int) -> dict[int, Row]:
        """The queue table by number; `now` is the hour that it is."""

    @abstractmethod
    async def new_log(self) -> list[LogRow]:
        """The log rows since the last call."""

    @abstractmethod
    async def advance(self, by: timedelta) -> None:
        """Let time pass."""

    async def enqueue(self, jobs: Sequence[NewJob], on_conflict: str) -> list[int | None]:
        ids = await self.queries.enqueue(
            [job.entrypoint for job in jobs],
            [None] * len(jobs),
            [job.priority for job in jobs],
            [job.delay * HOUR for job in jobs],
            [job.key for job in jobs],
            on_conflict=on_conflict,
        )
        return self._number(ids)

    async def enqueue_scalar(self, job: NewJob, on_conflict: str) -> list[int | None]:
        ids = await self.queries.enqueue(
            job.entrypoint,
            None,
            job.priority,
            job.delay * HOUR if job.delay else None,
            job.key,
            on_conflict=on_conflict,
        )
        return self._number(ids)

    def _number(self, ids: Iterable[JobId | None]) -> list[int | None]:
        for job_id in ids:
            if job_id is not None and job_id not in self.numbers:
                self.numbers[job_id] = len(self.ids)
                self.ids.append(job_id)
        return [None if job_id is None else self.numbers[job_id] for job_id in ids]

    def took(self, owner: Owner, jobs: Sequence[Job]) -> list[int]:
        """The numbers of jobs that this worker claimed, in their order."""
        for job in jobs:
            assert job.status == "picked"
            assert job.queue_manager_id == WORKERS[owner]
            self.claimed[self.numbers[job.id], owner] = job
        return [self.numbers[job.id] for job in jobs]

    def row_of(self, job: ModelJob) -> Row:
        """What should stand in the table."""
        return (
            job.entrypoint,
            job.priority,
            job.key,
            job.due,
            job.status,
            job.owner,
            job.seat if self.has_seats else None,
            job.attempts,
            job.takeovers,
            job.heartbeat if job.status == "picked" else None,
        )

    def of(self, ids: Iterable[JobId]) -> set[int]:
        return {self.numbers.get(job_id, len(self.ids)) for job_id in ids}

    def id_of(self, number: int) -> JobId:
        return self.ids[number] if number < len(self.ids) else JobId(DELETED_ID)

    def settlement(self, outcome: Outcome) -> Settlement:
        job_id = self.id_of(outcome.number)
        return Settlement(
            job_id,
            WORKERS[outcome.owner],
            outcome.status,
            None if outcome.record is None else record(job_id, outcome.record),
            outcome.delay * HOUR,
            outcome.counts,
        )


@dataclass
class PostgresSide(Side):
    """The queue in PostgreSQL; time passes because every moment in the table moves back."""

    last_log_id: int = 0

    async def reset(self) -> None:
        await self.queries.driver.execute(
            "TRUNCATE pgqueuer, pgqueuer_log, pgqueuer_statistics RESTART IDENTITY"
        )

    async def rows(self, now: int) -> dict[int, Row]:
        found = await self.queries.driver.fetch(
            "SELECT id, entrypoint, priority, dedupe_key, status::text AS status,"
            " queue_manager_id, slot, attempts, takeovers, execute_after - now() AS due,"
            " CASE WHEN status = 'picked' THEN heartbeat - now() END AS heartbeat FROM pgqueuer"
        )
        return {
            self.numbers[row["id"]]: _row(
                now,
                row["entrypoint"],
                row["priority"],
                row["dedupe_key"],
                row["due"],
                row["status"],
                row["queue_manager_id"],
                row["slot"],
                row["attempts"],
                row["takeovers"],
                row["heartbeat"],
            )
            for row in found
        }

    async def new_log(self) -> list[LogRow]:
        found = await self.queries.driver.fetch(
            "SELECT id, job_id, status::text AS status, entrypoint, priority,"
            " traceback ->> 'exception_type' AS exception"
            " FROM pgqueuer_log WHERE id > $1 ORDER BY id",
            self.last_log_id,
        )
        if found:
            self.last_log_id = found[-1]["id"]
        return [
            (
                self.numbers[row["job_id"]],
                row["status"],
                row["entrypoint"],
                row["priority"],
                row["exception"],
            )
            for row in found
        ]

    async def advance(self, by: timedelta) -> None:
        await self.queries.driver.execute(
            "UPDATE pgqueuer SET created = created - $1::interval,"
            " updated = updated - $1::interval, heartbeat = heartbeat - $1::interval,"
            " execute_after = execute_after - $1::interval",
            by,
        )


@dataclass
class Clock:
    """The time, and how far the store in memory is ahead of it."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class InMemorySide(Side):
    """The queue in memory; time passes because its clock does."""

    has_seats: bool = False
    clock: Clock = field(default_factory=Clock)
    seen: int = 0

    @classmethod
    def fresh(cls, clock: Clock) -> InMemorySide:
        clock.ahead = timedelta(0)
        return cls(InMemoryQueries(InMemoryDriver()), clock=clock)

    async def rows(self, now: int) -> dict[int, Row]:
        moment = self.clock()
        return {
            self.numbers[row.id]: _row(
                now,
                row.entrypoint,
                row.priority,
                row.dedupe_key,
                row.execute_after - moment,
                row.status,
                row.queue_manager_id,
                None,
                row.attempts,
                row.takeovers,
                row.heartbeat - moment if row.status == "picked" else None,
            )
            for row in self.queries._table.rows.values()
        }

    async def new_log(self) -> list[LogRow]:
        entries = (await self.queries.queue_log())[self.seen :]
        self.seen += len(entries)
        return [
            (
                self.numbers[entry.job_id],
                entry.status,
                entry.entrypoint,
                entry.priority,
                entry.traceback.exception_type if entry.traceback else None,
            )
            for entry in entries
        ]

    async def advance(self, by: timedelta) -> None:
        self.clock.ahead += by


@contextmanager
def clock_of_the_store_in_memory() -> Iterator[Clock]:
    """A clock that every part of the store reads meanwhile."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("pgqueuer.adapters.inmemory.") and hasattr(module, "utc_now"):
                patch.setattr(module, "utc_now", clock)
        yield clock


def record(job_id: JobId, exception: str) -> TracebackRecord:
    return TracebackRecord(
        job_id=job_id,
        timestamp=utc_now(),
        exception_type=exception,
        exception_message="",
        traceback="",
        additional_context=None,
    )


def _row(
    now: int,
    entrypoint: object,
    priority: object,
    key: object,
    due: timedelta,
    status: object,
    owner: object,
    seat: object,
    attempts: object,
    takeovers: object,
    heartbeat: timedelta | None,
) -> Row:
    return (
        entrypoint,
        priority,
        key,
        now + round(due / HOUR),
        status,
        None if owner is None else WORKERS.index(owner),
        seat,
        attempts,
        takeovers,
        None if heartbeat is None else now + round(heartbeat / HOUR),
    )
