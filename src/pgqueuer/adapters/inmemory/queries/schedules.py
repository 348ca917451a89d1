"""Schedules in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory.queries.base import InMemoryBase
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, ScheduleTick, utc_now
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
                schedule.status, schedule.due = "picked", schedule.next_run
                schedule.next_run = now + delay
                schedule.heartbeat = schedule.updated = now
                picked.append(schedule.model_copy())
        return sorted(picked, key=lambda schedule: schedule.id)

    async def start_schedules(
        self, ticks: Sequence[ScheduleTick], *, stale_after: timedelta
    ) -> list[Schedule]:
        """Take each step that nobody else has taken; the same contract as `Queries`."""
        now = utc_now()
        moved: list[Schedule] = []
        for tick in ticks:
            for schedule in self._schedules.of_ids({tick.schedule}):
                if schedule.next_run == tick.next_run and _is_free(schedule, stale_after, now):
                    schedule.status = "queued" if tick.due is None else "picked"
                    schedule.due = tick.due or schedule.due
                    schedule.next_run = tick.following
                    schedule.heartbeat = schedule.updated = now
                    moved.append(schedule.model_copy())
        return sorted(moved, key=lambda schedule: schedule.id)

    async def beat_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        """Tell that these runs, as they were picked, go on; returns those not taken over."""
        own = self._not_taken_over(runs)
        await self.update_schedule_heartbeat(own)
        return own

    async def end_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        """End these runs, as they were picked; returns those that nobody had taken over."""
        own = self._not_taken_over(runs)
        await self.set_schedule_queued(own)
        return own

    def _not_taken_over(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        fences = {run.id: run.next_run for run in runs}
        return {
            schedule.id
            for schedule in self._schedules.of_ids(set(fences))
            if schedule.next_run == fences[schedule.id]
        }

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

    async def pause_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Start no tick of these schedules until they are resumed."""
        self._set_paused(ids, entrypoints, paused=True)

    async def resume_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Go on with these schedules; ticks that fell into the pause count as missed."""
        self._set_paused(ids, entrypoints, paused=False)

    def _set_paused(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint], *, paused: bool
    ) -> None:
        for schedule in self._schedules.rows.values():
            chosen = schedule.id in ids or schedule.entrypoint in entrypoints
            if chosen and (paused or schedule.paused):
                schedule.paused = paused
                schedule.updated = utc_now()

    async def run_schedule_now(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None:
        """Make these schedules due at once, unless they are paused."""
        now = utc_now()
        for schedule in self._schedules.rows.values():
            chosen = schedule.id in ids or schedule.entrypoint in entrypoints
            if chosen and not schedule.paused and schedule.next_run > now:
                schedule.next_run = schedule.updated = now

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

    async def database_time(self) -> datetime:
        """The time by which schedules are due."""
        return utc_now()


def _is_due(schedule: Schedule, delay: timedelta, stale_after: timedelta, now: datetime) -> bool:
    same_tick = timedelta(0) < delay <= schedule.next_run + HALF_A_STEP - now
    return _is_free(schedule, stale_after, now) and not same_tick


def _is_free(schedule: Schedule, stale_after: timedelta, now: datetime) -> bool:
    waits = schedule.status == "queued" or schedule.heartbeat < now - stale_after
    return waits and schedule.next_run <= now and not schedule.paused
