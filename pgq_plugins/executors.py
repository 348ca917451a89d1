"""The executors that users get without naming one, and the one that retries by the database."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import ExecutorSpec, ScheduleExecutorSpec, hookimpl


@hookimpl
def pgqueuer_register_executors() -> Iterator[ExecutorSpec]:
    yield ExecutorSpec(
        name="default",
        factory="pgqueuer.core.executors:EntrypointExecutor",
        summary="calls the handler once",
    )
    yield ExecutorSpec(
        name="database-retry",
        factory="pgqueuer.core.executors:DatabaseRetryEntrypointExecutor",
        summary="puts a job whose handler raised back to the queue, later each time",
    )
    yield ExecutorSpec(
        name="thread",
        factory="pgqueuer.core.blocking:ThreadExecutor",
        summary="calls a blocking function in a thread",
    )
    yield ExecutorSpec(
        name="process-pool",
        factory="pgqueuer.core.blocking:ProcessExecutor",
        summary="calls a blocking function in another process",
    )


@hookimpl
def pgqueuer_register_schedule_executors() -> Iterator[ScheduleExecutorSpec]:
    yield ScheduleExecutorSpec(
        name="default",
        factory="pgqueuer.core.executors:ScheduleExecutor",
        summary="calls the function when its time has come",
    )
