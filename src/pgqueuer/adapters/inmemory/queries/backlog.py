"""Queued jobs of one entrypoint, in the order in which they are claimed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId


@dataclass(slots=True)
class Row:
    """A row of the queue; `headers` is JSON text, as a database would keep it."""

    id: JobId
    entrypoint: QueueEntrypoint
    priority: int
    payload: bytes | None
    headers: str | None
    dedupe_key: str | None
    created: datetime
    updated: datetime
    heartbeat: datetime
    execute_after: datetime
    status: JOB_STATUS = "queued"
    attempts: int = 0
    takeovers: int = 0
    queue_manager_id: QueueManagerId | None = None
    ticket: int = field(default=0, repr=False)
    """The number of the row's only valid entry in a backlog."""


class Backlog:
    """Two heaps: jobs that are due, by priority descending and id, and deferred ones by due time.

    Entries are not removed when their job is; they become invalid, as the row's ticket moves on,
    and are dropped when they come up.
    """

    def __init__(self) -> None:
        self._due: list[tuple[int, JobId, int, Row]] = []
        self._deferred: list[tuple[datetime, JobId, int, Row]] = []

    def add(self, row: Row) -> None:
        """Line up `row`, in place of any earlier entry of it."""
        row.ticket += 1
        heapq.heappush(self._deferred, (row.execute_after, row.id, row.ticket, row))

    def head(self, now: datetime) -> Row | None:
        """The job to claim next, if any is due."""
        while (row := self._first_deferred()) is not None and row.execute_after <= now:
            heapq.heappop(self._deferred)
            heapq.heappush(self._due, (-row.priority, row.id, row.ticket, row))
        while self._due and not _valid(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][3] if self._due else None

    def next_due(self, now: datetime) -> datetime | None:
        """When the next job that is not due yet will be."""
        self.head(now)
        row = self._first_deferred()
        return row.execute_after if row is not None else None

    def _first_deferred(self) -> Row | None:
        while self._deferred and not _valid(self._deferred[0]):
            heapq.heappop(self._deferred)
        return self._deferred[0][3] if self._deferred else None


def _valid(entry: tuple[object, JobId, int, Row]) -> bool:
    row = entry[3]
    return row.status == "queued" and row.ticket == entry[2]


def first_of(rows: Iterable[Row | None]) -> Row | None:
    """The job to claim first among the heads of several backlogs."""
    heads = [row for row in rows if row is not None]
    return min(heads, key=lambda row: (-row.priority, row.id), default=None)
