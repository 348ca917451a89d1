"""When a scheduler has to look at its schedules again."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from pgqueuer.core.backoff import Backoff
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, utc_now
from pgqueuer.domain.types import ScheduleId

LONGEST_PAUSE: Final = 30.0
"""Seconds; so late may it be noticed that a schedule was resumed, or changed by hand."""


class Agenda:
    """The schedules as they were last seen, in the time of the database.

    Workers and the database may disagree about the time; what the database said in each answer
    keeps `now` within the round trip of that answer.
    """

    def __init__(self, stale_after: timedelta) -> None:
        self._stale_after = stale_after
        self._offset = timedelta(0)
        self._due: dict[CronExpressionEntrypoint, datetime] = {}
        self._ids: dict[CronExpressionEntrypoint, ScheduleId] = {}
        self._backoff = Backoff(first=0.02)
        self._not_before = 0.0

    def now(self) -> datetime:
        """The time of the database, as well as it is known."""
        return utc_now() + self._offset

    def picked(self, schedules: Iterable[Schedule], sent_at: datetime) -> None:
        """Learn from schedules picked by a query that was sent at `sent_at`, by our own clock."""
        for schedule in schedules:
            self.told(schedule.heartbeat, sent_at)

    def told(self, time: datetime, sent_at: datetime) -> None:
        """Learn the time of the database from the answer to a query sent at `sent_at`."""
        self._offset = min(max(self._offset, time - utc_now()), time - sent_at)

    def seen(
        self,
        schedules: Iterable[Schedule],
        starts: Mapping[CronExpressionEntrypoint, datetime],
        own: Collection[ScheduleId],
    ) -> None:
        """Remember when each schedule of `starts` may start; there may be no row of it.

        `own` are those that this worker ran when the query was sent, so that it alone knows when
        they end.
        """
        received_at = utc_now()
        self._due = dict(starts)
        for schedule in schedules:
            newest = max(schedule.created, schedule.updated, schedule.heartbeat)
            self._offset = max(self._offset, newest - received_at)
            key = CronExpressionEntrypoint(schedule.entrypoint, schedule.expression)
            if key in starts:
                self._ids[key] = schedule.id
                self._due[key] = self.ready_at(schedule, starts[key], schedule.id in own)
        self._pace(own)

    def ready_at(self, schedule: Schedule, start: datetime, own: bool) -> datetime:
        """When `schedule`, whose tick may start at `start`, is free to be picked as well."""
        if schedule.paused:
            return self.now() + timedelta(seconds=LONGEST_PAUSE)
        if own or schedule.status != "picked":
            return start
        return max(start, schedule.heartbeat + self._stale_after)

    def _pace(self, own: Collection[ScheduleId]) -> None:
        """Due but not picked means that someone was faster or our clock is: ask less and less."""
        now = self.now()
        if any(due <= now and self._ids.get(key) not in own for key, due in self._due.items()):
            self._not_before = time.monotonic() + self._backoff.next_delay()
        else:
            self._backoff.reset()

    def failed(self) -> None:
        """The database could not be asked; wait, longer after each failure."""
        self._not_before = time.monotonic() + self._backoff.next_delay()

    def seconds_left(
        self, keys: Collection[CronExpressionEntrypoint], running: Collection[ScheduleId]
    ) -> float | None:
        """Time until one of `keys` may be picked, those not `running`; None without keys."""
        if not keys:
            return None
        waiting = [key for key in keys if self._ids.get(key) not in running]
        now = self.now()
        due_in = min(
            ((self._due.get(key, now) - now).total_seconds() for key in waiting),
            default=LONGEST_PAUSE,
        )
        return min(max(due_in, self._not_before - time.monotonic()), LONGEST_PAUSE)
