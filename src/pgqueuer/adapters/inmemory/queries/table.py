"""The queue table in memory: rows, their indexes, and the few ways in which a row changes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.backlog import Backlog, Row
from pgqueuer.adapters.inmemory.queries.history import History
from pgqueuer.adapters.persistence.query_helpers import (
    NormedEnqueueParam,
    repeated_dedupe_keys,
)
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.lifecycle import ACTIVE, ENQUEUE, SUSPECT_TAKEOVERS, Due, Transition
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId


class QueueTable:
    """Rows by id, and every transition of theirs in `history`."""

    def __init__(self, history: History) -> None:
        self.rows: dict[JobId, Row] = {}
        self.picked: dict[JobId, Row] = {}
        self.holders: dict[str, Row] = {}
        """The active job of each dedupe key."""
        self.queued: Counter[QueueEntrypoint] = Counter()
        """How many jobs are queued."""
        self._history = history
        self._backlogs: defaultdict[tuple[QueueEntrypoint, bool], Backlog] = defaultdict(Backlog)
        self._last_id = 0

    def clear(self) -> None:
        """Forget every row; ids go on."""
        for mapping in (self.rows, self.picked, self.holders, self.queued, self._backlogs):
            mapping.clear()

    def require_free(self, keys: Sequence[str | None]) -> None:
        """Raise DuplicateJobError if any of these dedupe keys is held, or stands here twice."""
        clashes = [key for key in keys if key in self.holders] or repeated_dedupe_keys(keys)
        if clashes:
            raise DuplicateJobError(clashes)

    def insert(self, columns: NormedEnqueueParam, place: int, now: datetime) -> Row:
        """Add the job at `place` of the columns; the caller knows that its dedupe key is free."""
        self._last_id += 1
        row = Row(
            id=JobId(self._last_id),
            entrypoint=QueueEntrypoint(columns.entrypoint[place]),
            priority=columns.priority[place],
            payload=columns.payload[place],
            headers=columns.headers[place],
            dedupe_key=columns.dedupe_key[place],
            created=now,
            updated=now,
            heartbeat=now,
            execute_after=now,
        )
        self.rows[row.id] = row
        self.queued[row.entrypoint] += 1
        self.move(row, ENQUEUE, now, delay=columns.execute_after[place] or timedelta(0))
        return row

    def move(
        self,
        row: Row,
        transition: Transition,
        now: datetime,
        *,
        owner: QueueManagerId | None = None,
        delay: timedelta = timedelta(0),
        traceback: TracebackRecord | None = None,
    ) -> None:
        """Change a row as the transition says; `owner` is who claims it.

        Raises ValueError for a transition without a target.
        """
        if transition.target is None:
            raise ValueError(f"{transition.name!r} leaves no trace of a job; use clear()")
        row.attempts = transition.attempts.after(row.attempts)
        row.takeovers = transition.takeovers.after(row.takeovers)
        if transition.execute_after is not Due.SAME:
            row.execute_after = now + delay
        if transition.leases:
            row.heartbeat = now
        row.queue_manager_id = owner if transition.leases else None
        row.updated = now
        self._enter(row, transition.target, traceback)
        if not transition.keeps_row:
            del self.rows[row.id]

    def raise_priority(self, row: Row, priority: int) -> None:
        """Move a job up, never down."""
        if priority > row.priority:
            row.priority = priority
            if row.status == "queued":
                self._line_up(row)

    def backlog(self, entrypoint: QueueEntrypoint, suspects: bool = False) -> Backlog:
        """The queued jobs of an entrypoint: its suspects, or all the others."""
        return self._backlogs[entrypoint, suspects]

    def held(self, job_id: JobId, owner: QueueManagerId | None) -> Row | None:
        """The row if `owner` holds it."""
        row = self.picked.get(job_id)
        return row if row is not None and row.queue_manager_id == owner else None

    def _enter(self, row: Row, status: JOB_STATUS, traceback: TracebackRecord | None) -> None:
        self.queued[row.entrypoint] += (status == "queued") - (row.status == "queued")
        row.status = status
        if status == "picked":
            self.picked[row.id] = row
        else:
            self.picked.pop(row.id, None)
        if row.dedupe_key is not None:
            if status in ACTIVE:
                self.holders[row.dedupe_key] = row
            elif self.holders.get(row.dedupe_key) is row:
                del self.holders[row.dedupe_key]
        if status == "queued":
            self._line_up(row)
        self._history.record(row, traceback)

    def _line_up(self, row: Row) -> None:
        self.backlog(row.entrypoint, row.takeovers >= SUSPECT_TAKEOVERS).add(row)


def job_of(row: Row) -> Job:
    """The row as workers and reports see it."""
    return Job(
        id=row.id,
        priority=row.priority,
        created=row.created,
        updated=row.updated,
        heartbeat=row.heartbeat,
        execute_after=row.execute_after,
        status=row.status,
        entrypoint=row.entrypoint,
        payload=row.payload,
        attempts=row.attempts,
        queue_manager_id=row.queue_manager_id,
        headers=None if row.headers is None else json.loads(row.headers),
    )
