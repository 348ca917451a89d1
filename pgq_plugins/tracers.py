"""Tracers of well-known products."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import TracerSpec, hookimpl


@hookimpl
def pgqueuer_register_tracers() -> Iterator[TracerSpec]:
    yield TracerSpec(
        name="opentelemetry",
        factory="pgqueuer.adapters.tracing.opentelemetry:OpenTelemetryTracing",
        summary="spans for OpenTelemetry, as the program has set it up",
        requires=("opentelemetry",),
        install="pip install 'pgqueuer[opentelemetry]'",
    )
    yield TracerSpec(
        name="sentry",
        factory="pgqueuer.adapters.tracing.sentry:SentryTracing",
        summary="queue spans and errors for Sentry",
        requires=("sentry_sdk",),
        install="pip install 'pgqueuer[sentry]'",
    )
    yield TracerSpec(
        name="logfire",
        factory="pgqueuer.adapters.tracing.logfire:LogfireTracing",
        summary="spans for Logfire",
        requires=("logfire",),
        install="pip install 'pgqueuer[logfire]'",
    )
