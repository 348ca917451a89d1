"""The code of the guide to tracing."""

from pgqueuer.adapters.tracing.opentelemetry import OpenTelemetryTracing
from pgqueuer.ports.tracing import set_tracing_class


def set_up_tracing() -> None:
    set_tracing_class(OpenTelemetryTracing())
