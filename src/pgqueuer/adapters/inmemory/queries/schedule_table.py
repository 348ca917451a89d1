"""Where schedules are kept in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import count

from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule
from pgqueuer.domain.types import ScheduleId


class ScheduleTable:
    """The schedules by what identifies them."""

    def __init__(self) -> None:
        self.rows: dict[CronExpressionEntrypoint, Schedule] = {}
        self._ids = count(1)

    def add(self, key: CronExpressionEntrypoint, next_run: datetime, now: datetime) -> None:
        """Add a schedule unless it exists."""
        if key not in self.rows:
            self.rows[key] = Schedule(
                id=ScheduleId(next(self._ids)),
                expression=key.expression,
                entrypoint=key.entrypoint,
                heartbeat=now,
                created=now,
                updated=now,
                next_run=next_run,
                status="queued",
            )

    def of_ids(self, ids: set[ScheduleId]) -> list[Schedule]:
        """The schedules with these ids."""
        return [schedule for schedule in self.rows.values() if schedule.id in ids]
