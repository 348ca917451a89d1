"""The executor itself; imported when somebody uses it."""

from __future__ import annotations

from datetime import datetime

from pgqueuer.executors import ScheduleExecutor

SATURDAY = 5


class WorkdayExecutor(ScheduleExecutor):
    def next_after(self, instant: datetime) -> datetime:
        due = super().next_after(instant)
        while due.weekday() >= SATURDAY:
            due = super().next_after(due)
        return due
