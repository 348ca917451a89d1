"""Finds out which schedules are due, and starts those that this worker gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from pgqueuer.core.agenda import Agenda
from pgqueuer.core.executors import AbstractScheduleExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.core.worker.wakeup import Wakeup
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, utc_now
from pgqueuer.domain.types import CronEntrypoint, ScheduleId
from pgqueuer.ports.driver import ConnectionLiveness
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
    ) -> None:
        self._queries = queries
        self._registry = registry
        self._running = running
        self._wakeup = wakeup
        self._start = start
        self._stale_after = stale_after
        self._agenda = Agenda(stale_after)
        self._inserted: set[CronExpressionEntrypoint] = set()

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
                if connection_is_gone(self._queries):
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
        now, sent_at = self._agenda.now(), utc_now()
        times = {key: _next_time(executor, now) for key, executor in self._registry.items()}
        picked = await self._queries.fetch_schedule(
            {key: due - now for key, due in times.items()}, stale_after=self._stale_after
        )
        self._agenda.picked(picked, sent_at)
        for schedule in picked:
            self._start(self._registry[_key(schedule)], schedule)
        own = frozenset(self._running)
        self._agenda.seen(await self._queries.peek_schedule(), times, own)


def connection_is_gone(queries: RepositoryPort) -> bool:
    """Whether no later query can succeed."""
    driver = queries.driver
    return isinstance(driver, ConnectionLiveness) and driver.closed


def _key(schedule: Schedule) -> CronExpressionEntrypoint:
    return CronExpressionEntrypoint(schedule.entrypoint, schedule.expression)


def _next_time(executor: AbstractScheduleExecutor, now: datetime) -> datetime:
    """When `executor` is due after `now`, the time of the database."""
    kind, base = type(executor), AbstractScheduleExecutor
    if kind.get_next is base.get_next and kind.next_in is base.next_in:
        return executor.next_after(now)
    return now + max(executor.next_in(), timedelta(0))
