"""Finds out which schedules are due, and starts those that this worker gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pgqueuer.core.agenda import Agenda
from pgqueuer.core.executors import AbstractScheduleExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.core.ticks import has_own_times, next_tick, start_of
from pgqueuer.core.worker.continuity import Continuity
from pgqueuer.core.worker.wakeup import Wakeup
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, ScheduleTick, utc_now
from pgqueuer.domain.types import CronEntrypoint, ScheduleId
from pgqueuer.ports.repository import RepositoryPort

DEFAULT_STALE_AFTER: Final = timedelta(seconds=30)

StartSchedule = Callable[[AbstractScheduleExecutor, Schedule], None]


class ScheduleLoop:
    """Asks the database when a schedule of `registry` is due, and not otherwise.

    `start` is called with each schedule that was picked; `running` are the ids of those that have
    not ended. `wakeup` says that one of the two, or the shutdown, has changed. A schedule whose
    worker has been silent for `stale_after` counts as abandoned.
    """

    def __init__(
        self,
        queries: RepositoryPort,
        registry: Mapping[CronExpressionEntrypoint, AbstractScheduleExecutor],
        running: Collection[ScheduleId],
        wakeup: Wakeup,
        start: StartSchedule,
        *,
        stale_after: timedelta,
        continuity: Continuity,
    ) -> None:
        self._continuity = continuity
        self._queries = queries
        self._registry = registry
        self._running = running
        self._wakeup = wakeup
        self._start = start
        self._stale_after = stale_after
        self._agenda = Agenda(stale_after)
        self._inserted: set[CronExpressionEntrypoint] = set()
        self._starts: dict[CronExpressionEntrypoint, tuple[ScheduleId, datetime, datetime]] = {}

    async def run(self, shutdown: asyncio.Event) -> None:
        """Until `shutdown`; errors of the database are logged and waited out."""
        while not shutdown.is_set():
            left = self._agenda.seconds_left(self._registry, self._running)
            if left is None or left > 0:
                await self._wakeup.wait(left)
                self._wakeup.clear()
                continue
            try:
                await self._insert_new()
                await self._start_due()
            except Exception:
                if self._continuity.is_gone(self._queries):
                    raise
                logger.exception("The schedules could not be read; trying again")
                self._agenda.failed()

    async def _insert_new(self) -> None:
        new = {key: each for key, each in self._registry.items() if key not in self._inserted}
        if not new:
            return
        cleaned = {key.entrypoint for key, each in new.items() if each.parameters.clean_old}
        if cleaned:
            await self._delete_others(cleaned)
        sent_at = utc_now()
        self._agenda.told(await self._queries.database_time(), sent_at)
        now = self._agenda.now()
        await self._queries.insert_schedule(
            {key: _next_time(each, now) - now for key, each in new.items()}
        )
        self._inserted.update(new)

    async def _delete_others(self, entrypoints: set[CronEntrypoint]) -> None:
        """Rows that are registered stay, so that a start never loses the tick that is due."""
        outdated = {
            row.id
            for row in await self._queries.peek_schedule()
            if row.entrypoint in entrypoints and _key(row) not in self._registry
        }
        if outdated:
            await self._queries.delete_schedule(outdated, set())

    async def _start_due(self) -> None:
        # Taken first: a run that ends while the database is asked still looks picked in the answer.
        own = frozenset(self._running)
        rows = {_key(row): row for row in await self._queries.peek_schedule()}
        now = self._agenda.now()
        starts = {key: self._start_time(key, rows.get(key), now) for key in self._registry}
        ticks = [
            next_tick(self._registry[key], rows[key], now)
            for key, start in starts.items()
            if key in rows and self._is_ready(rows[key], start, now)
        ]
        if ticks:
            rows.update(await self._take(ticks, starts))
        self._agenda.seen(rows.values(), starts, own.union(self._running))

    def _is_ready(self, row: Schedule, start: datetime, now: datetime) -> bool:
        return row.id not in self._running and self._agenda.ready_at(row, start, own=False) <= now

    async def _take(
        self, ticks: Sequence[ScheduleTick], starts: dict[CronExpressionEntrypoint, datetime]
    ) -> dict[CronExpressionEntrypoint, Schedule]:
        sent_at = utc_now()
        moved = await self._queries.start_schedules(ticks, stale_after=self._stale_after)
        picked = [schedule for schedule in moved if schedule.status == "picked"]
        for schedule in picked:
            self._start(self._registry[_key(schedule)], schedule)
        self._agenda.picked(picked, sent_at)
        for schedule in moved:
            key = _key(schedule)
            starts[key] = self._start_time(key, schedule, self._agenda.now())
        return {_key(schedule): schedule for schedule in moved}

    def _start_time(
        self, key: CronExpressionEntrypoint, row: Schedule | None, now: datetime
    ) -> datetime:
        executor = self._registry[key]
        if row is None:
            return _next_time(executor, now)
        known = self._starts.get(key)
        if known is None or known[:2] != (row.id, row.next_run):
            known = self._starts[key] = (row.id, row.next_run, start_of(executor, row))
        return known[2]


def _key(schedule: Schedule) -> CronExpressionEntrypoint:
    return CronExpressionEntrypoint(schedule.entrypoint, schedule.expression)


def _next_time(executor: AbstractScheduleExecutor, now: datetime) -> datetime:
    """When `executor` is due after `now`, the time of the database."""
    if has_own_times(executor):
        return now + max(executor.next_in(), timedelta(0))
    return executor.next_after(now)
