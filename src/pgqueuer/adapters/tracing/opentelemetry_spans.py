"""The spans of OpenTelemetry, which this module imports.

Names and attributes are those of the semantic conventions for messaging:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager

from opentelemetry import propagate
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    get_tracer,
)

from pgqueuer.domain.errors import retry_request
from pgqueuer.domain.models import Job

__all__ = ["OpenTelemetrySpans", "get_tracer"]

SYSTEM = "pgqueuer"


class OpenTelemetrySpans:
    """The tracer behind `OpenTelemetryTracing`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """A `send` span for one job; for several a client span around a `create` span for each."""
        if len(entrypoints) == 1:
            yield self._published("send", entrypoints[0])
        else:
            yield from self._published_batch(entrypoints)

    def _published_batch(self, entrypoints: list[str]) -> list[dict[str, object]]:
        attributes = _attributes("send") | {"messaging.batch.message_count": len(entrypoints)}
        if len(set(entrypoints)) == 1:
            attributes["messaging.destination.name"] = entrypoints[0]
        with self._tracer.start_as_current_span(
            "send", kind=SpanKind.CLIENT, attributes=attributes
        ):
            return [self._published("create", entrypoint) for entrypoint in entrypoints]

    def _published(self, operation: str, entrypoint: str) -> dict[str, object]:
        carrier: dict[str, str] = {}
        attributes = _attributes(operation) | {"messaging.destination.name": entrypoint}
        with self._tracer.start_as_current_span(
            f"{operation} {entrypoint}", kind=SpanKind.PRODUCER, attributes=attributes
        ):
            propagate.inject(carrier)
        return {"otel": carrier} if carrier else {}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """The `process` span of one run, below the span that sent the job.

        It ends in error when the handler raises; a retry that the handler asks for is an event.
        From the second run on it also links to the sending span, so that a run hours later is
        found from either side.
        """
        carrier = job.otel_headers() or {}
        parent = propagate.extract(carrier)
        origin = get_current_span(parent).get_span_context()
        attempt = {"pgqueuer.job.attempts": job.attempts}
        with self._tracer.start_as_current_span(
            f"process {job.entrypoint}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=_attributes("process") | attempt | _message(job),
            links=[Link(origin, attempt)] if job.attempts and origin.is_valid else None,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                _record(span, error)
                raise
            span.set_status(StatusCode.OK)


def _attributes(operation: str) -> dict[str, str | int]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }


def _message(job: Job) -> dict[str, str | int]:
    return {
        "messaging.destination.name": job.entrypoint,
        "messaging.message.id": str(job.id),
        "messaging.message.body.size": len(job.payload or b""),
        "messaging.client.id": str(job.queue_manager_id),
    }


def _record(span: Span, error: Exception) -> None:
    request = retry_request(error)
    if request is not None:
        about: Mapping[str, str | float] = {
            "delay": request.delay.total_seconds(),
            "reason": request.reason or "",
        }
        span.add_event("retry requested", about)
        return
    span.record_exception(error)
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(StatusCode.ERROR, str(error))
