"""An executor that logs the jobs that take long."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import ExecutorSpec, hookimpl


@hookimpl
def pgqueuer_register_executors() -> Iterator[ExecutorSpec]:
    yield ExecutorSpec(
        name="acme-slow",
        factory="acme_slow_log:SlowLog",
        summary="calls the handler once and logs it when it takes longer than `seconds`",
    )
