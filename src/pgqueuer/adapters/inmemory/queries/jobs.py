"""Producing, changing and counting jobs in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from pgqueuer.adapters.inmemory.queries.backlog import Row
from pgqueuer.adapters.inmemory.queries.leases import Leases
from pgqueuer.adapters.inmemory.queries.table import job_of
from pgqueuer.adapters.persistence.enqueue import EnqueueCall
from pgqueuer.adapters.persistence.producer import Producer
from pgqueuer.adapters.persistence.query_helpers import NormedEnqueueParam
from pgqueuer.domain import events
from pgqueuer.domain.lifecycle import CANCEL, DELETE, REQUEUE
from pgqueuer.domain.models import Job, QueueStatistics, utc_now
from pgqueuer.domain.types import (
    JOB_STATUS,
    HealthCheckId,
    JobId,
    OnConflict,
    QueueEntrypoint,
    SortOrder,
)


class Jobs(Leases, Producer):
    """What producers and operators do; `enqueue` comes from `Producer`."""

    async def _insert_jobs(self, planned: EnqueueCall) -> list[JobId | None]:
        if not planned.params:
            return []
        if planned.on_conflict == "raise":
            self._table.require_free(planned.params.dedupe_key)
        ids = self._insert(planned.params, planned.on_conflict)
        await self._tell_changed("insert")
        return ids

    async def _write(self, columns: NormedEnqueueParam) -> None:
        self._insert(columns, "raise")
        await self._tell_changed("insert")

    def _insert(self, columns: NormedEnqueueParam, on_conflict: OnConflict) -> list[JobId | None]:
        now = utc_now()
        ids: list[JobId | None] = []
        for place, key in enumerate(columns.dedupe_key):
            holder = self._table.holders.get(key) if key is not None else None
            if holder is None:
                ids.append(self._table.insert(columns, place, now).id)
            elif on_conflict == "skip":
                ids.append(None)
            else:
                self._table.raise_priority(holder, columns.priority[place])
                ids.append(holder.id)
        return ids

    async def requeue_jobs(self, ids: list[JobId]) -> None:
        """Put held jobs back to the queue as if they were new; others are left alone."""
        await self.requeue_failed(ids)

    async def requeue_failed(self, ids: list[JobId]) -> int:
        """As `requeue_jobs`; return the number of jobs that were put back."""
        now = utc_now()
        held = [row for row in self._rows(ids) if row.status == "failed"]
        self._table.require_free([row.dedupe_key for row in held])
        for row in held:
            self._table.move(row, REQUEUE, now)
        if held:
            await self._tell_changed("update")
        return len(held)

    async def mark_job_as_cancelled(self, ids: list[JobId]) -> None:
        """Delete jobs, queued, picked or held, and ask the handlers that run them to stop."""
        await self.cancel_jobs(ids)

    async def cancel_jobs(self, ids: list[JobId]) -> int:
        """As `mark_job_as_cancelled`; return the number of jobs that were there."""
        now = utc_now()
        found = self._rows(ids)
        for row in found:
            self._table.move(row, CANCEL, now)
        await self.notify_job_cancellation(ids)
        await self._tell_changed("delete")
        return len(found)

    def _rows(self, ids: Iterable[JobId]) -> list[Row]:
        """Those of the jobs that are there, each once."""
        found = (self._table.rows.get(job_id) for job_id in dict.fromkeys(ids))
        return [row for row in found if row is not None]

    async def clear_queue(self, entrypoint: str | list[str] | None = None) -> None:
        """Delete the jobs of these entrypoints, with a log row each; None forgets all, without."""
        if entrypoint is None:
            self._table.clear()
            await self._tell_changed("truncate")
            return
        names = {entrypoint} if isinstance(entrypoint, str) else set(entrypoint)
        unwanted = [row for row in self._table.rows.values() if row.entrypoint in names]
        now = utc_now()
        for row in unwanted:
            self._table.move(row, DELETE, now)
        if unwanted:
            await self._tell_changed("delete")

    async def notify_job_cancellation(self, ids: list[JobId]) -> None:
        """Ask the handlers that run these jobs to stop; the queue is left as it is."""
        for message in events.cancellations(self.settings.channel, ids):
            await self.driver.notify(self.settings.channel, message)

    async def notify_health_check(self, health_check_event_id: HealthCheckId) -> None:
        """Send a message that only the listener that waits for this id answers."""
        channel = self.settings.channel
        await self.driver.notify(channel, events.health_check(channel, health_check_event_id))

    async def notify_work(self) -> None:
        """Tell idle workers that there may be something to claim."""
        await self._tell_changed("update")

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """How many jobs are queued and not paused, deferred ones included."""
        return sum(self._table.queued[name] for name in self._served(set(entrypoints)))

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """How many jobs are queued, due and not paused."""
        now, served = utc_now(), self._served(entrypoints)
        return sum(
            row.status == "queued" and row.execute_after <= now and row.entrypoint in served
            for row in self._table.rows.values()
        )

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        """Time until the next deferred job is due; None if there is none."""
        return self._time_until_due(entrypoints, utc_now())

    async def queue_size(self) -> list[QueueStatistics]:
        """How many jobs there are, by entrypoint, priority and status."""
        sizes: Counter[tuple[QueueEntrypoint, int, JOB_STATUS]] = Counter(
            (row.entrypoint, row.priority, row.status) for row in self._table.rows.values()
        )
        return [
            QueueStatistics(count=count, entrypoint=entrypoint, priority=priority, status=status)
            for (entrypoint, priority, status), count in sorted(sizes.items())
        ]

    async def list_failed_jobs(self, limit: int = 100, order: SortOrder = "DESC") -> list[Job]:
        """Held jobs by their creation, newest first unless `order` is ASC."""
        if order not in ("ASC", "DESC"):
            raise ValueError(f"order must be 'ASC' or 'DESC', got {order!r}")
        held = [row for row in self._table.rows.values() if row.status == "failed"]
        held.sort(key=lambda row: (row.created, row.id), reverse=order == "DESC")
        return [job_of(row) for row in held[:limit]]
