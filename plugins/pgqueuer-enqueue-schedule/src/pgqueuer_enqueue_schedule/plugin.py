"""What this distribution offers to PgQueuer."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import ScheduleExecutorSpec, hookimpl


@hookimpl
def pgqueuer_register_schedule_executors() -> Iterator[ScheduleExecutorSpec]:
    yield ScheduleExecutorSpec(
        name="enqueue",
        factory="pgqueuer_enqueue_schedule.executor:EnqueueScheduleExecutor",
        summary="enqueues what the function returns as a job",
    )
