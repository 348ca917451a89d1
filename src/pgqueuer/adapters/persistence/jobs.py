"""The worker's side of the queue: claim, settle, leases, and what an idle worker may expect."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import cached_property

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.frontier import Frontiers, Place
from pgqueuer.adapters.persistence.query_helpers import cell
from pgqueuer.adapters.persistence.replan import PlanWatch
from pgqueuer.adapters.persistence.rows import (
    UnreadableRow,
    is_unreadable,
    read_claimed,
    traceback_json,
    unreadable_row,
)
from pgqueuer.adapters.persistence.sqlstate import is_deadlock_detected, is_unique_violation
from pgqueuer.core.worker_calls import WorkerCalls
from pgqueuer.domain import events
from pgqueuer.domain.lifecycle import (
    LEASE_EXPIRED,
    LEASE_EXPIRED_MESSAGE,
    TERMINAL,
    ClaimRequest,
    EntrypointTerms,
    Outlook,
    ReapReport,
    Settlement,
)
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId

ROWS_PER_CLAIM = 1000
"""The literal LIMIT of the claim statements."""

SEAT_RACES = 3
"""So often a claim that lost a seat to another connection is tried again."""


class JobQueries(StatementRunner, WorkerCalls):
    """What `JobStore` asks for, in PostgreSQL."""

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """Claim at most `request.batch_size` jobs; see `JobStore.claim`."""
        if request.suspects:
            return await self._claim_once(request, 1)
        jobs: list[Job] = []
        while len(jobs) < request.batch_size:
            wanted = min(request.batch_size - len(jobs), ROWS_PER_CLAIM)
            claimed = await self._claim_once(request, wanted)
            jobs += claimed
            if len(claimed) < wanted:
                break
        return jobs

    async def _claim_once(self, request: ClaimRequest, wanted: int) -> list[Job]:
        try:
            return await self._claim_readable(request, wanted)
        except Exception as error:
            if is_unreadable(error):
                # The jobs are ours, but unknown to us: the worker puts back what is left of them.
                await self._park(request.owner, await self._unreadable_of(request.owner))
            raise

    async def _park(self, owner: QueueManagerId, unreadable: Sequence[UnreadableRow]) -> None:
        await self.settle(
            [Settlement(job_id, owner, "failed", record) for job_id, record in unreadable]
        )

    async def _unreadable_of(self, owner: QueueManagerId) -> list[UnreadableRow]:
        ids = [row["id"] for row in await self._fetch("held_ids", owner)]
        parts, found = [ids], list[UnreadableRow]()
        while parts:
            if not (part := parts.pop()):
                continue
            try:
                await self._fetch("held_jobs", owner, part)
            except Exception as error:
                if not is_unreadable(error):
                    raise
                if len(part) == 1:
                    found.append(unreadable_row(part[0], error))
                else:
                    parts += [part[: len(part) // 2], part[len(part) // 2 :]]
        return found

    async def _claim_readable(self, request: ClaimRequest, wanted: int) -> list[Job]:
        names = list(request.entrypoints)
        limits = [terms.concurrency_limit for terms in request.entrypoints.values()]
        if request.suspects:
            rows = await self._seated("claim_suspect", names, request.owner, limits)
            return await self._readable(rows, request.owner)
        frontier = self._frontiers.of(request.owner)
        start = frontier.start(names)
        if frontier.doubtful and frontier.surveyed(await self._survey_fronts(names)):
            start = frontier.known(names)
        if start is None:
            await self._replan_if_outgrown()
            rows = await self._claim_from_front(request, wanted, names, limits)
            jobs = await self._readable(rows, request.owner)
            frontier.looked(_count(rows[0]["scanned"]) if rows else None, jobs, wanted)
            self._plans.claimed(len(rows))
        else:
            places = [[priority for priority, _ in start], [job_id for _, job_id in start]]
            rows = await self._seated("claim_after", wanted, names, request.owner, limits, *places)
            jobs = await self._readable(rows, request.owner)
            frontier.advance(jobs)
        return jobs

    async def _claim_from_front(
        self, request: ClaimRequest, wanted: int, names: list[QueueEntrypoint], limits: list[int]
    ) -> list[dict[str, object]]:
        if any(limits):
            return await self._seated("claim_limited", wanted, names, request.owner, limits)
        if len(names) == 1:
            return await self._fetch("claim_one_entrypoint", wanted, *names, request.owner)
        return await self._fetch("claim", wanted, names, request.owner)

    async def _survey_fronts(self, names: list[QueueEntrypoint]) -> dict[str, Place]:
        rows = await self._fetch("survey_fronts", names)
        return {
            str(row["entrypoint"]): (_count(row["priority"]), _count(row["id"])) for row in rows
        }

    @cached_property
    def _frontiers(self) -> Frontiers:
        return Frontiers()

    @cached_property
    def _plans(self) -> PlanWatch:
        return PlanWatch()

    async def _replan_if_outgrown(self) -> None:
        if self._plans.wants_size():
            pages = _count(cell(await self._fetch("queue_pages"), "pages"))
            if self._plans.outgrown(pages):
                self._plan_anew()

    async def _readable(
        self, rows: Sequence[dict[str, object]], owner: QueueManagerId
    ) -> list[Job]:
        """The rows as jobs; what is none is parked."""
        jobs, unreadable = read_claimed(rows)
        if unreadable:
            await self._park(owner, unreadable)
        return jobs

    async def _seated(self, statement: str, *args: object) -> list[dict[str, object]]:
        """Claim under limits; another connection may win a seat between our look and our grasp."""
        for _ in range(SEAT_RACES):
            try:
                return await self._fetch(statement, *args)
            except Exception as error:
                if not (is_unique_violation(error) or is_deadlock_detected(error)):
                    raise
                await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - jitter
        return []

    async def settle(self, settlements: Sequence[Settlement]) -> list[JobId]:
        """Write outcomes; return the ids that were not their owner's. See `JobStore.settle`."""
        if not settlements:
            return []
        settlements = _first_of_each_job(settlements)
        alike = _alike(settlements)
        if alike is not None:
            ids = [outcome.job_id for outcome in settlements]
            rows = await self._fetch("settle_done", ids, alike.owner, alike.status)
        else:
            rows = await self._settle_each(settlements)
        lost = cell(rows, "lost")
        return [JobId(job_id) for job_id in lost] if isinstance(lost, list) else []

    async def _settle_each(self, settlements: Sequence[Settlement]) -> list[dict[str, object]]:
        return await self._fetch(
            "settle",
            [outcome.job_id for outcome in settlements],
            [outcome.owner for outcome in settlements],
            [outcome.status for outcome in settlements],
            [
                None if outcome.traceback is None else traceback_json(outcome.traceback)
                for outcome in settlements
            ],
            [outcome.delay for outcome in settlements],
            [int(outcome.status == "queued" and outcome.counts) for outcome in settlements],
            self._changed_message(),
        )

    def _changed_message(self) -> str:
        """What tells idle workers that there may be something to claim."""
        return events.table_changed(self.settings.channel, self.settings.queue_table, "update")

    async def keep_leases(self, owner: QueueManagerId, job_ids: Sequence[JobId]) -> list[JobId]:
        """Renew leases; return the ids that `owner` does not hold any more."""
        rows = await self._fetch("keep_leases", owner, list(job_ids))
        held = {row["id"] for row in rows}
        return [job_id for job_id in job_ids if job_id not in held]

    async def reap(
        self,
        owner: QueueManagerId | None,
        entrypoints: Mapping[QueueEntrypoint, EntrypointTerms],
        heartbeat_timeout: timedelta,
    ) -> ReapReport:
        """End expired leases of others; see `JobStore.reap`."""
        (row,) = await self._fetch(
            "reap",
            heartbeat_timeout,
            list(entrypoints),
            [terms.max_takeovers for terms in entrypoints.values()],
            owner,
            _LEASE_EXPIRED,
            self._changed_message(),
        )
        return ReapReport(
            requeued=_count(row["requeued"]),
            parked=_count(row["parked"]),
            suspects=bool(row["suspects"]),
            next_expiry=_interval(row["next_expiry"]),
        )

    async def recover_claims(self, owner: QueueManagerId, known: Sequence[JobId]) -> int:
        """Put back what `owner` holds beside `known`; return how many."""
        rows = await self._fetch("recover_claims", owner, list(known), self._changed_message())
        return _count(cell(rows, "released"))

    async def outlook(self, entrypoints: Mapping[QueueEntrypoint, EntrypointTerms]) -> Outlook:
        """What a worker with these entrypoints may expect next."""
        (row,) = await self._fetch(
            "outlook",
            list(entrypoints),
            [terms.concurrency_limit for terms in entrypoints.values()],
        )
        other = row["other_limits"]
        return Outlook(
            ready=bool(row["ready"]),
            saturated=bool(row["saturated"]),
            next_eligible=_interval(row["next_eligible"]),
            other_limits=tuple(map(str, other)) if isinstance(other, list) else (),
        )

    async def count_held(
        self, owner: QueueManagerId, entrypoints: Collection[QueueEntrypoint]
    ) -> int:
        """How many jobs of these entrypoints `owner` holds."""
        return _count(cell(await self._fetch("held_by_worker", owner, list(entrypoints)), "held"))

    async def update_heartbeat(self, job_ids: list[JobId]) -> None:
        """Renew the leases of picked jobs, whoever holds them; a worker uses `keep_leases`."""
        await self._fetch("update_heartbeat", list(set(job_ids)))

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """1 if any job is queued and not paused, deferred ones included; else 0."""
        return _count(cell(await self._fetch("queued_work", entrypoints), "found"))

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """1 if any job is queued, due and not paused; else 0."""
        return _count(cell(await self._fetch("eligible_queued_work", entrypoints), "found"))

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        """Time until the next deferred job is due; None if there is none."""
        return _interval(cell(await self._fetch("next_deferred_eta", entrypoints), "eta"))


_LEASE_EXPIRED = json.dumps(
    {
        "exception_type": LEASE_EXPIRED,
        "exception_message": LEASE_EXPIRED_MESSAGE,
        "traceback": "",
    }
)


def _first_of_each_job(settlements: Sequence[Settlement]) -> Sequence[Settlement]:
    """Without second outcomes: one statement writes a row once, and does not say which one wins."""
    first: dict[JobId, Settlement] = {}
    for settlement in settlements:
        first.setdefault(settlement.job_id, settlement)
    return settlements if len(first) == len(settlements) else list(first.values())


def _alike(settlements: Sequence[Settlement]) -> Settlement | None:
    """One for all of them if they differ in nothing but the job, which then leaves the queue."""
    first = settlements[0]
    if first.status not in TERMINAL:
        return None
    for outcome in settlements:
        if (
            outcome.status != first.status
            or outcome.owner != first.owner
            or outcome.traceback is not None
        ):
            return None
    return first


def _count(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected a number from the database, got {value!r}")
    return value


def _interval(value: object) -> timedelta | None:
    return value if isinstance(value, timedelta) else None
