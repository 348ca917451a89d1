"""An executor of schedules that has weekends off."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import ScheduleExecutorSpec, hookimpl


@hookimpl
def pgqueuer_register_schedule_executors() -> Iterator[ScheduleExecutorSpec]:
    yield ScheduleExecutorSpec(
        name="acme-workdays",
        factory="acme_workdays:WorkdayExecutor",
        summary="skips the ticks on Saturdays and Sundays, in UTC",
    )
