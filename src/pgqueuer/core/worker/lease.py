"""Keeps the leases of this worker's jobs, and ends those of workers that died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from pgqueuer.core.backoff import Backoff, jittered
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.lifecycle import EntrypointTerms, ReapReport
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import JobStore
from pgqueuer.ports.statements import statements_within

BEATS_PER_TIMEOUT = 4
"""Two renewals in a row may fail before a lease expires."""

SHORTEST_REAP_PAUSE = 0.5
REAP_JITTER = 0.5
"""Seconds. Together they stay under the 2 s within which a dead worker is noticed."""


class LeaseKeeper:
    """Renews all leases of the worker with one statement at a time, whatever their number.

    `held` has the jobs by id, as they were delivered.
    """

    def __init__(
        self,
        store: JobStore,
        owner: QueueManagerId,
        heartbeat_timeout: timedelta,
        held: Mapping[JobId, Job],
        on_lost: Callable[[JobId], None],
    ) -> None:
        self._store = store
        self._owner = owner
        self._interval = heartbeat_timeout.total_seconds() / BEATS_PER_TIMEOUT
        self._held = held
        self._on_lost = on_lost

    async def run(self) -> None:
        """Renew for ever; a failure is logged and tried again sooner than the next beat."""
        backoff = Backoff(first=min(0.1, self._interval), longest=self._interval)
        while True:
            pause = backoff.next_delay() if backoff.failures else jittered(self._interval)
            await asyncio.sleep(pause)
            try:
                await self.renew()
            except Exception:
                if not backoff.failures:
                    logger.exception("The leases could not be renewed; trying again")
                    backoff.next_delay()
            else:
                backoff.reset()

    async def renew(self) -> None:
        """One heartbeat for all jobs that are held."""
        held = dict(self._held)
        if held:
            # In time for another attempt, over another connection if need be.
            with statements_within(self._interval * BEATS_PER_TIMEOUT / 2):
                lost = await self._store.keep_leases(self._owner, list(held))
            for job_id in lost:
                # A job that was put back and claimed anew meanwhile has a new lease.
                if self._held.get(job_id) is held[job_id]:
                    self._on_lost(job_id)


class Reaper:
    """Puts the jobs of dead workers back to the queue, when the oldest lease would expire.

    After the database was away, as it was before the start too if `after_outage`, many a worker
    that lives could not renew its leases. It gets half a lease to do so first.
    """

    def __init__(
        self,
        store: JobStore,
        owner: QueueManagerId,
        heartbeat_timeout: timedelta,
        terms: Mapping[QueueEntrypoint, EntrypointTerms],
        on_report: Callable[[ReapReport], None],
        after_outage: bool = False,
    ) -> None:
        self._store = store
        self._owner = owner
        self._timeout = heartbeat_timeout
        self._terms = terms
        self._on_report = on_report
        self._after_outage = after_outage

    async def run(self) -> None:
        """Reap for ever, at the start too; failures are logged and tried again."""
        backoff = Backoff()
        while True:
            try:
                if self._after_outage:
                    await self._store.outlook(self._terms)  # raises while it lasts
                    self._after_outage = False
                    await asyncio.sleep(self._timeout.total_seconds() / 2)
                report = await self._store.reap(self._owner, self._terms, self._timeout)
            except Exception:
                self._after_outage = True
                if not backoff.failures:
                    logger.exception("Expired leases could not be looked for; trying again")
                await asyncio.sleep(backoff.next_delay())
                continue
            backoff.reset()
            self._tell(report)
            await asyncio.sleep(self._pause(report))

    def _tell(self, report: ReapReport) -> None:
        if report.requeued:
            logger.warning("Put back %s job(s) of workers that died", report.requeued)
        if report.parked:
            logger.error(
                "Parked %s job(s) as failed: each was taken over from a dead worker too often",
                report.parked,
            )
        self._on_report(report)

    def _pause(self, report: ReapReport) -> float:
        """Until the oldest lease expires; a job claimed after our look is seen in time as well."""
        longest = self._timeout.total_seconds()
        expiry = longest if report.next_expiry is None else report.next_expiry.total_seconds()
        return max(min(expiry, longest), SHORTEST_REAP_PAUSE) + jittered(REAP_JITTER)
