"""Traces with OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgqueuer.adapters.tracing.sdk import SdkTracing
from pgqueuer.ports.tracing import TracingProtocol

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class OpenTelemetryTracing(SdkTracing):
    """A span where jobs are enqueued and one for each run, by the conventions for messaging.

    Spans go to `tracer`, or to the tracer called `instrumentation_name` of the global provider. The
    context travels in a job's headers under `otel`, written by the global propagator; a job without
    it starts a trace of its own. Does nothing where OpenTelemetry is not installed.
    """

    def __init__(
        self, tracer: Tracer | None = None, instrumentation_name: str = "pgqueuer"
    ) -> None:
        def make() -> TracingProtocol:
            from pgqueuer.adapters.tracing import opentelemetry_spans as spans  # noqa: PLC0415

            return spans.OpenTelemetrySpans(tracer or spans.get_tracer(instrumentation_name))

        super().__init__("opentelemetry", "opentelemetry", make)
