"""The schedules table: what is due, who runs it, and when it is due again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.validation import as_models
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, ScheduleTick
from pgqueuer.domain.types import CronEntrypoint, ScheduleId


class ScheduleQueries(StatementRunner):
    """Schedules; delays count from the time of the database. Without keys, nothing is sent."""

    async def insert_schedule(self, schedules: dict[CronExpressionEntrypoint, timedelta]) -> None:
        """Add schedules, first due after their delay; those that exist are left alone."""
        if schedules:
            with self._in_time("schedule_insert"):
                await self.driver.execute(self.statements["schedule_insert"], *_columns(schedules))

    async def fetch_schedule(
        self,
        entrypoints: dict[CronExpressionEntrypoint, timedelta],
        *,
        stale_after: timedelta = timedelta(seconds=30),
    ) -> list[Schedule]:
        """Pick those that are due, each by one caller only; the delay tells when it is due again.

        One that is still running is picked only when its last heartbeat is older than
        `stale_after`, and then for the tick that is due now: the tick that its worker died in is
        not run again. One whose delay leads back to the tick that is due, reckoned a moment too
        early, is left for the next call.
        """
        if not entrypoints:
            return []
        rows = await self._fetch("schedule_fetch", *_columns(entrypoints), stale_after)
        return as_models(Schedule, rows)

    async def start_schedules(
        self, ticks: Sequence[ScheduleTick], *, stale_after: timedelta
    ) -> list[Schedule]:
        """Take each step that nobody else has taken; those with a tick are picked.

        A schedule is left alone where its `next_run` is another by now or lies ahead, where it is
        paused, or runs and its worker was heard within `stale_after`. Returns those that moved.
        """
        if not ticks:
            return []
        rows = await self._fetch(
            "schedule_start",
            [tick.schedule for tick in ticks],
            [tick.next_run for tick in ticks],
            [tick.due for tick in ticks],
            [tick.following for tick in ticks],
            stale_after,
        )
        return as_models(Schedule, rows)

    async def beat_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        """Tell that these runs, as they were picked, go on; returns those not taken over."""
        return await self._write_runs("schedule_beat", runs)

    async def end_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        """End these runs, as they were picked; returns those that nobody had taken over."""
        return await self._write_runs("schedule_end", runs)

    async def _write_runs(self, statement: str, runs: Sequence[Schedule]) -> set[ScheduleId]:
        if not runs:
            return set()
        ids, fences = [run.id for run in runs], [run.next_run for run in runs]
        return {each.id for each in as_models(_Id, await self._fetch(statement, ids, fences))}

    async def set_schedule_queued(self, ids: set[ScheduleId]) -> None:
        """End the runs of these schedules now."""
        if ids:
            with self._in_time("schedule_set_queued"):
                await self.driver.execute(self.statements["schedule_set_queued"], list(ids))

    async def update_schedule_heartbeat(self, ids: set[ScheduleId]) -> None:
        """Tell that these schedules are still running."""
        if ids:
            with self._in_time("schedule_heartbeat"):
                await self.driver.execute(self.statements["schedule_heartbeat"], list(ids))

    async def peek_schedule(self) -> list[Schedule]:
        """Every schedule by its last run; those that never ran come last."""
        return as_models(Schedule, await self._fetch("schedule_peek"))

    async def pause_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Start no tick of these schedules anywhere until they are resumed.

        A tick that runs goes on to its end.
        """
        await self._write_chosen("schedule_pause", ids, entrypoints)

    async def resume_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Go on with these schedules; ticks that fell into the pause count as missed."""
        await self._write_chosen("schedule_resume", ids, entrypoints)

    async def run_schedule_now(
        self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None:
        """Make these schedules due at once, unless they are paused.

        A scheduler that has them notices within half a minute.
        """
        await self._write_chosen("schedule_run_now", ids, entrypoints)

    async def delete_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Remove the schedules with these ids and those of these entrypoints."""
        await self._write_chosen("schedule_delete", ids, entrypoints)

    async def clear_schedule(self) -> None:
        """Remove every schedule."""
        await self.driver.execute(self.statements["schedule_clear"])

    async def database_time(self) -> datetime:
        """The time by which schedules are due."""
        (time,) = as_models(_Time, await self._fetch("database_time"))
        return time.now

    async def _write_chosen(
        self, statement: str, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]
    ) -> None:
        if ids or entrypoints:
            await self.driver.execute(self.statements[statement], list(ids), list(entrypoints))


class _Id(BaseModel):
    id: ScheduleId


class _Time(BaseModel):
    now: AwareDatetime


def _columns(
    delays: Mapping[CronExpressionEntrypoint, timedelta],
) -> tuple[list[str], list[str], list[timedelta]]:
    """Expressions, entrypoints and delays, side by side."""
    return (
        [key.expression for key in delays],
        [key.entrypoint for key in delays],
        list(delays.values()),
    )
