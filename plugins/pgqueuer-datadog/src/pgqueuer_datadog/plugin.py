"""What this distribution offers to PgQueuer."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import TracerSpec, hookimpl


@hookimpl
def pgqueuer_register_tracers() -> Iterator[TracerSpec]:
    yield TracerSpec(
        name="datadog",
        factory="pgqueuer_datadog.tracing:DatadogTracing",
        summary="spans for Datadog APM",
        requires=("ddtrace",),
        install="pip install pgqueuer-datadog",
    )
