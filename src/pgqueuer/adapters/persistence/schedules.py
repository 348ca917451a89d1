"""The schedules table: what is due, who runs it, and when it is due again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.validation import as_models
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule
from pgqueuer.domain.types import CronEntrypoint, ScheduleId


class ScheduleQueries(StatementRunner):
    """Schedules; delays count from the time of the database. Without keys, nothing is sent."""

    async def insert_schedule(self, schedules: dict[CronExpressionEntrypoint, timedelta]) -> None:
        """Add schedules, first due after their delay; those that exist are left alone."""
        if schedules:
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

    async def set_schedule_queued(self, ids: set[ScheduleId]) -> None:
        """End the runs of these schedules now."""
        if ids:
            await self.driver.execute(self.statements["schedule_set_queued"], list(ids))

    async def update_schedule_heartbeat(self, ids: set[ScheduleId]) -> None:
        """Tell that these schedules are still running."""
        if ids:
            await self.driver.execute(self.statements["schedule_heartbeat"], list(ids))

    async def peek_schedule(self) -> list[Schedule]:
        """Every schedule by its last run; those that never ran come last."""
        return as_models(Schedule, await self._fetch("schedule_peek"))

    async def delete_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        """Remove the schedules with these ids and those of these entrypoints."""
        if ids or entrypoints:
            statement = self.statements["schedule_delete"]
            await self.driver.execute(statement, list(ids), list(entrypoints))

    async def clear_schedule(self) -> None:
        """Remove every schedule."""
        await self.driver.execute(self.statements["schedule_clear"])


def _columns(
    delays: Mapping[CronExpressionEntrypoint, timedelta],
) -> tuple[list[str], list[str], list[timedelta]]:
    """Expressions, entrypoints and delays, side by side."""
    return (
        [key.expression for key in delays],
        [key.entrypoint for key in delays],
        list(delays.values()),
    )
