"""Spans of jobs for Datadog APM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager

from ddtrace.propagation.http import HTTPPropagator
from ddtrace.trace import Context, Span, tracer

from pgqueuer.errors import retry_request
from pgqueuer.models import Job

HEADER = "datadog"
"""Where the context of the trace travels in the headers of a job."""


class DatadogTracing:
    """A span `pgqueuer.publish` for each job that is enqueued, and `pgqueuer.process` for each run.

    The resource is the entrypoint, the service is that of the program (`DD_SERVICE`) unless
    `service` names another. A run belongs to the trace of its producer; a job that has none starts
    a trace. What a handler raises is recorded on its span; a retry that it asks for is no error.
    """

    def __init__(self, service: str | None = None) -> None:
        self._service = service

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """Yield one dictionary of headers for each entrypoint."""
        for entrypoint in entrypoints:
            yield {HEADER: self._published(entrypoint)}

    def _published(self, entrypoint: str) -> dict[str, str]:
        carrier: dict[str, str] = {}
        with tracer.trace(
            "pgqueuer.publish", service=self._service, resource=entrypoint, span_type="queue"
        ) as span:
            _describe(span, "producer", entrypoint)
            HTTPPropagator.inject(span.context, carrier)
        return carrier

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """Surround one run of the handler, in the trace of the producer."""
        outside = tracer.context_provider.active()
        span = tracer.start_span(
            "pgqueuer.process",
            child_of=_received(job),
            service=self._service,
            resource=job.entrypoint,
            span_type="worker",
            activate=True,
        )
        _describe(span, "consumer", job.entrypoint)
        _describe_job(span, job)
        try:
            yield
        except Exception as error:
            _record(span, error)
            raise
        finally:
            span.finish()
            tracer.context_provider.activate(outside)


def _received(job: Job) -> Context | None:
    section = job.header_section(HEADER) or {}
    extract: Callable[[dict[str, str]], Context] = HTTPPropagator.extract
    context = extract({key: str(value) for key, value in section.items()})
    return context if context.trace_id else None


def _describe(span: Span, kind: str, entrypoint: str) -> None:
    span.set_tag("span.kind", kind)
    span.set_tag("component", "pgqueuer")
    span.set_tag("messaging.system", "pgqueuer")
    span.set_tag("messaging.destination.name", entrypoint)


def _describe_job(span: Span, job: Job) -> None:
    # Ids are names, not amounts: as text they can be searched for.
    span.set_tag("messaging.message.id", str(job.id))
    span.set_metric("messaging.message.body.size", len(job.payload or b""))
    span.set_metric("messaging.message.retry.count", job.attempts)


def _record(span: Span, error: Exception) -> None:
    retry = retry_request(error)
    if retry is None:
        span.set_exc_info(type(error), error, error.__traceback__)
    else:
        span.set_tag("pgqueuer.retry", retry.reason or "requested")
