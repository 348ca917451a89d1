"""Claiming, settling and expiring jobs in memory: the `JobStore` of the kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.backlog import Row, first_of
from pgqueuer.adapters.inmemory.queries.pauses import Pauses
from pgqueuer.adapters.inmemory.queries.table import job_of
from pgqueuer.core.worker_calls import WorkerCalls
from pgqueuer.domain.errors import LeaseLostError
from pgqueuer.domain.lifecycle import (
    CLAIM,
    LEASE_EXPIRED,
    LEASE_EXPIRED_MESSAGE,
    PARK,
    RECOVER,
    ClaimRequest,
    EntrypointTerms,
    Outlook,
    ReapReport,
    Settlement,
    Transition,
    expired,
    settled_by,
)
from pgqueuer.domain.models import Job, TracebackRecord, utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import CompletionState


class Leases(Pauses, WorkerCalls):
    """Only the owner of a picked job changes it, until its lease expires."""

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """Pick eligible jobs, counting each entrypoint's limit; a suspect is claimed alone."""
        now = utc_now()
        room = self._room(request.entrypoints)
        served = self._served(request.entrypoints)
        claimed: list[Row] = []
        wanted = min(request.batch_size, 1) if request.suspects else request.batch_size
        while len(claimed) < wanted:
            row = first_of(
                self._table.backlog(entrypoint, request.suspects).head(now)
                for entrypoint in served
                if room.get(entrypoint, 1) > 0
            )
            if row is None:
                break
            self._table.move(row, CLAIM, now, owner=request.owner)
            if row.entrypoint in room:
                room[row.entrypoint] -= 1
            claimed.append(row)
        return [job_of(row) for row in claimed]

    async def settle(self, settlements: Sequence[Settlement]) -> list[JobId]:
        """Write outcomes; return the ids that were not the owner's any more."""
        now = utc_now()
        written: dict[JobId, JOB_STATUS] = {}
        for settlement in settlements:
            row = self._table.held(settlement.job_id, settlement.owner)
            if row is not None:
                self._conclude(row, settlement, now)
                written[row.id] = settlement.status
        if "queued" in written.values():
            await self._tell_changed("update")
        return [given.job_id for given in settlements if given.job_id not in written]

    async def complete_in_transaction(self, job: Job, connection: object) -> str:
        """End `job` as successful at once, as there are no transactions.

        Raises LeaseLostError when the owner that `job` names does not hold it.
        """
        return self.complete_in_transaction_sync(job, connection)

    def complete_in_transaction_sync(self, job: Job, connection: object) -> str:
        """The same."""
        row = self._table.held(job.id, job.queue_manager_id)
        if row is None:
            raise LeaseLostError(job.id)
        self._conclude(row, Settlement(job.id, job.queue_manager_id, "successful"), utc_now())
        return "none"

    async def completion_state(self, job: Job, transaction: str) -> CompletionState:
        """What was completed stays so."""
        return "committed"

    async def keep_leases(self, owner: QueueManagerId, job_ids: Sequence[JobId]) -> list[JobId]:
        """Renew the leases of `owner`; return the ids that it does not hold."""
        now = utc_now()
        lost: list[JobId] = []
        for job_id in dict.fromkeys(job_ids):
            row = self._table.held(job_id, owner)
            if row is None:
                lost.append(job_id)
            else:
                row.heartbeat = now
        return lost

    async def update_heartbeat(self, job_ids: list[JobId]) -> None:
        """Renew the leases of picked jobs, whoever holds them; a worker uses `keep_leases`."""
        now = utc_now()
        for job_id in job_ids:
            if (row := self._table.picked.get(job_id)) is not None:
                row.heartbeat = now

    async def count_held(
        self, owner: QueueManagerId, entrypoints: Collection[QueueEntrypoint]
    ) -> int:
        """How many jobs of these entrypoints `owner` holds."""
        return sum(
            row.queue_manager_id == owner and row.entrypoint in entrypoints
            for row in self._table.picked.values()
        )

    async def reap(
        self,
        owner: QueueManagerId | None,
        entrypoints: Mapping[QueueEntrypoint, EntrypointTerms],
        heartbeat_timeout: timedelta,
    ) -> ReapReport:
        """End expired leases of others: back to the queue, or parked after too many takeovers."""
        now = utc_now()
        others = [
            row
            for row in self._table.picked.values()
            if row.entrypoint in entrypoints and row.queue_manager_id != owner
        ]
        overdue = [row for row in others if row.heartbeat + heartbeat_timeout <= now]
        parked = sum(
            self._take_over(row, entrypoints[row.entrypoint].max_takeovers, now) for row in overdue
        )
        if len(overdue) > parked:
            await self._tell_changed("update")
        alive = [row.heartbeat for row in others if row.status == "picked"]
        return ReapReport(
            requeued=len(overdue) - parked,
            parked=parked,
            suspects=any(
                self._table.backlog(name, True).head(now) for name in self._served(entrypoints)
            ),
            next_expiry=min(alive) + heartbeat_timeout - now if alive else None,
        )

    async def recover_claims(self, owner: QueueManagerId, known: Sequence[JobId]) -> int:
        """Put back what `owner` holds besides `known`; no attempt is counted."""
        now = utc_now()
        unknown = [
            row
            for row in self._table.picked.values()
            if row.queue_manager_id == owner and row.id not in known
        ]
        for row in unknown:
            self._table.move(row, RECOVER, now)
        if unknown:
            await self._tell_changed("update")
        return len(unknown)

    async def outlook(self, entrypoints: Mapping[QueueEntrypoint, EntrypointTerms]) -> Outlook:
        """What an idle worker with these entrypoints may expect."""
        now = utc_now()
        room = self._room(entrypoints)
        served = self._served(entrypoints)
        waiting = [name for name in served if self._table.backlog(name).head(now)]
        return Outlook(
            ready=any(room.get(name, 1) > 0 for name in waiting),
            saturated=any(room.get(name, 1) <= 0 for name in waiting),
            next_eligible=self._time_until_due(entrypoints, now),
            other_limits=tuple(name for name in served if room.get(name, 0) < 0),
        )

    def _time_until_due(
        self, entrypoints: Iterable[QueueEntrypoint], now: datetime
    ) -> timedelta | None:
        due = [
            moment
            for name in self._served(entrypoints)
            for suspects in (False, True)
            if (moment := self._table.backlog(name, suspects).next_due(now)) is not None
        ]
        return min(due) - now if due else None

    def _room(self, entrypoints: Mapping[QueueEntrypoint, EntrypointTerms]) -> dict[str, int]:
        """How many more jobs of each limited entrypoint may be picked."""
        limits = {
            name: terms.concurrency_limit
            for name, terms in entrypoints.items()
            if terms.concurrency_limit > 0
        }
        if not limits:
            return {}
        taken = Counter(row.entrypoint for row in self._table.picked.values())
        return {name: limit - taken[name] for name, limit in limits.items()}

    def _conclude(self, row: Row, settlement: Settlement, now: datetime) -> None:
        self._table.move(
            row,
            settled_by(settlement.status, counts=settlement.counts),
            now,
            delay=settlement.delay,
            traceback=settlement.traceback,
        )

    def _take_over(self, row: Row, max_takeovers: int, now: datetime) -> bool:
        """End an expired lease; tell whether the job was parked."""
        transition = expired(row.takeovers, max_takeovers)
        self._table.move(row, transition, now, traceback=_lease_expired(row, transition, now))
        return transition is PARK


def _lease_expired(row: Row, transition: Transition, now: datetime) -> TracebackRecord:
    return TracebackRecord(
        job_id=row.id,
        timestamp=now,
        exception_type=LEASE_EXPIRED,
        exception_message=LEASE_EXPIRED_MESSAGE,
        traceback="",
        additional_context={
            "entrypoint": row.entrypoint,
            "queue_manager_id": str(row.queue_manager_id),
            "last_heartbeat": row.heartbeat.isoformat(),
            "attempt": transition.attempts.after(row.attempts),
            "takeovers": transition.takeovers.after(row.takeovers),
            "parked": transition is PARK,
        },
    )
