"""Schedules in memory."""

from __future__ import annotations

from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.base import InMemoryBase
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, utc_now
from pgqueuer.domain.types import CronEntrypoint, ScheduleId

HALF_A_STEP = timedelta(milliseconds=500)
"""Half of the finest cron step; a delay that leads so near to the tick that is due is that tick."""


class Schedules(InMemoryBase):
    """Each tick is picked once; the caller reckons when the next one is due."""

    async def insert_schedule(self, schedules: dict[CronExpressionEntrypoint, timedelta]) -> None:
        """Add schedules, first due after their delay; those that exist are left alone."""
        now = utc_now()
        for key, delay in schedules.items():
            self._schedules.add(CronExpressionEntrypoint(*key), now + delay, now)

    async def fetch_schedule(
        self,
        entrypoints: dict[CronExpressionEntrypoint, timedelta],
        *,
        stale_after: timedelta = timedelta(seconds=30),
    ) -> list[Schedule]:
        """Pick those that are due; the same contract as `Queries`."""
        now = utc_now()
        picked: list[Schedule] = []
        for key, delay in entrypoints.items():
            schedule = self._schedules.rows.get(key)
            if schedule is not None and _is_due(schedule, delay, stale_after, now):
                schedule.status = "picked"
                schedule.next_run = now + delay
                schedule.heartbeat = schedule.updated = now
                picked.append(schedule.model_copy())
        return sorted(picked, key=lambda schedule: schedule.id)

    async def set_schedule_queued(self, ids: set[ScheduleId]) -> None:
        """End the runs of these schedules now."""
        for schedule in self._schedules.of_ids(ids):
            schedule.status = "queued"
            schedule.last_run = schedule.updated = utc_now()

    async def update_schedule_heartbeat(self, ids: set[ScheduleId]) -> None:
        """Tell that these schedules are still running."""
        for schedule in self._schedules.of_ids(ids):
            schedule.heartbeat = schedule.updated = utc_now()

    async def peek_schedule(self) -> list[Schedule]:
        """Every schedule by its last run; those that never ran come last."""
        return sorted(
            (schedule.model_copy() for schedule in self._schedules.rows.values()),
            key=lambda schedule: (
                schedule.last_run is None,
                schedule.last_run or schedule.created,
                schedule.id,
            ),
        )

    async def delete_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Remove the schedules with these ids and those of these entrypoints."""
        self._schedules.rows = {
            key: schedule
            for key, schedule in self._schedules.rows.items()
            if schedule.id not in ids and schedule.entrypoint not in entrypoints
        }

    async def clear_schedule(self) -> None:
        """Remove every schedule."""
        self._schedules.rows.clear()


def _is_due(schedule: Schedule, delay: timedelta, stale_after: timedelta, now: datetime) -> bool:
    free = schedule.status == "queued" or schedule.heartbeat < now - stale_after
    same_tick = timedelta(0) < delay <= schedule.next_run + HALF_A_STEP - now
    return schedule.next_run <= now and free and not same_tick
