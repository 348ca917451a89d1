"""The log and the statistics that are folded from it, in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.backlog import Row
from pgqueuer.adapters.persistence.rows import traceback_json
from pgqueuer.domain.models import Log, TracebackRecord, utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint

StatisticsKey = tuple[datetime, QueueEntrypoint, int, JOB_STATUS]
"""What is counted: second, entrypoint, priority and status."""


class History:
    """Every transition once, in order; `counts` has those that were folded."""

    def __init__(self) -> None:
        self.entries: list[Log] = []
        self.counts: Counter[StatisticsKey] = Counter()
        self.unfolded: list[Log] = []
        self._of_job: defaultdict[JobId, list[Log]] = defaultdict(list)

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self.forget(lambda entry: True)

    def record(self, row: Row, traceback: TracebackRecord | None) -> None:
        """Log the status that `row` has now."""
        entry = Log.model_construct(
            created=utc_now(),
            job_id=row.id,
            status=row.status,
            priority=row.priority,
            entrypoint=row.entrypoint,
            traceback=traceback and _as_stored(traceback),
            aggregated=False,
        )
        self.entries.append(entry)
        self.unfolded.append(entry)
        self._of_job[row.id].append(entry)

    def of_job(self, job_id: JobId) -> list[Log]:
        """The transitions of one job, oldest first."""
        return self._of_job.get(job_id, [])

    def jobs(self) -> Iterable[list[Log]]:
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

    def forget(self, unwanted: Callable[[Log], bool]) -> None:
        """Drop entries of the log; what they counted for stays."""
        self.entries = [entry for entry in self.entries if not unwanted(entry)]
        self.unfolded = [entry for entry in self.unfolded if not unwanted(entry)]
        self._of_job.clear()
        for entry in self.entries:
            self._of_job[entry.job_id].append(entry)


def _as_stored(traceback: TracebackRecord) -> TracebackRecord:
    """A copy that went through JSON, as a database would hand it back."""
    return TracebackRecord.model_validate_json(traceback_json(traceback))
