"""What this distribution offers to PgQueuer."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import ExecutorSpec, hookimpl


@hookimpl
def pgqueuer_register_executors() -> Iterator[ExecutorSpec]:
    yield ExecutorSpec(
        name="process",
        factory="pgqueuer_process.executor:LimitedProcessExecutor",
        summary="calls a blocking function in a process with limits of memory and time",
        requires=("resource",),
        install="use Linux or macOS; this system has no limits for processes",
    )
