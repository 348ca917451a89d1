"""The log and the statistics that are folded from it, in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.backlog import Row
from pgqueuer.adapters.persistence.rows import traceback_json
from pgqueuer.domain.models import Log, TracebackRecord, utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint

StatisticsKey = tuple[datetime, QueueEntrypoint, int, JOB_STATUS]
"""What is counted: second, entrypoint, priority and status."""

RETAINED = 250_000
"""So many of the newest transitions are remembered at least; older ones are only counted."""


@dataclass(slots=True)
class Entry:
    """One transition; `traceback` is JSON text, as a database would keep it."""

    number: int
    created: datetime
    job_id: JobId
    status: JOB_STATUS
    priority: int
    entrypoint: QueueEntrypoint
    traceback: str | None
    aggregated: bool = False


class History:
    """Every transition once, in order; `counts` has those that were folded.

    They are numbered, and `last` is the newest one's number.
    """

    def __init__(self, retained: int = RETAINED) -> None:
        self.entries: list[Entry] = []
        self.last = 0
        self.unfolded: list[Entry] = []
        self.counts: Counter[StatisticsKey] = Counter()
        self._of_job: defaultdict[JobId, list[Entry]] = defaultdict(list)
        self._retained = retained

    def record(self, row: Row, traceback: TracebackRecord | None) -> None:
        """Log the status that `row` has now."""
        self.last += 1
        entry = Entry(
            number=self.last,
            created=utc_now(),
            job_id=row.id,
            status=row.status,
            priority=row.priority,
            entrypoint=row.entrypoint,
            traceback=None if traceback is None else traceback_json(traceback),
        )
        self.entries.append(entry)
        self.unfolded.append(entry)
        self._of_job[row.id].append(entry)
        if len(self.entries) > 2 * self._retained:
            self.fold()
            self._keep(self.entries[-self._retained :])

    def of_job(self, job_id: JobId) -> Sequence[Entry]:
        """The transitions of one job, oldest first."""
        return self._of_job.get(job_id, ())

    def after(self, number: int) -> Sequence[Entry]:
        """The transitions after the one with this number."""
        return self.entries[bisect_right(self.entries, number, key=lambda entry: entry.number) :]

    def jobs(self) -> Iterable[Sequence[Entry]]:
        """The transitions of each job, oldest first."""
        return self._of_job.values()

    def totals(self, last: timedelta | None) -> Counter[StatisticsKey]:
        """Transitions of the last `last` (None: ever), after a fold."""
        self.fold()
        if last is None:
            return self.counts
        since = utc_now() - last
        return Counter({key: count for key, count in self.counts.items() if key[0] >= since})

    def fold(self) -> None:
        """Count what was not counted yet."""
        for entry in self.unfolded:
            entry.aggregated = True
            second = entry.created.replace(microsecond=0)
            self.counts[second, entry.entrypoint, entry.priority, entry.status] += 1
        self.unfolded.clear()

    def forget(self, unwanted: Callable[[str], bool]) -> None:
        """Drop the transitions of these entrypoints; those that were counted stay counted."""
        self._keep([entry for entry in self.entries if not unwanted(entry.entrypoint)])

    def drop(self, unwanted: Collection[Entry]) -> None:
        """Drop these transitions; they stay counted."""
        self.fold()
        gone = {id(entry) for entry in unwanted}
        self._keep([entry for entry in self.entries if id(entry) not in gone])

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self._keep([])

    def _keep(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.unfolded = [entry for entry in entries if not entry.aggregated]
        self._of_job.clear()
        for entry in entries:
            self._of_job[entry.job_id].append(entry)


def as_logs(entries: Iterable[Entry]) -> list[Log]:
    """The transitions as readers see them."""
    return [
        Log(
            created=entry.created,
            job_id=entry.job_id,
            status=entry.status,
            priority=entry.priority,
            entrypoint=entry.entrypoint,
            traceback=None
            if entry.traceback is None
            else TracebackRecord.model_validate_json(entry.traceback),
            aggregated=entry.aggregated,
        )
        for entry in entries
    ]
