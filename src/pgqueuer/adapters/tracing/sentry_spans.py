"""The spans of Sentry, whose SDK this module imports.

Names and data are those of Sentry's queues module:
https://docs.sentry.io/platforms/python/tracing/instrumentation/custom-instrumentation/queues-module/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, asynccontextmanager

import sentry_sdk
from sentry_sdk.tracing import Span

from pgqueuer.domain.errors import retry_request
from pgqueuer.domain.models import Job, utc_now


class SentrySpans:
    """The tracer behind `SentryTracing`."""

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """A span for each job; below a transaction of its own where none is running."""
        with _producer():
            headers = [_published(entrypoint) for entrypoint in entrypoints]
        yield from headers

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """A transaction and a span for one run, in a scope of its own.

        Both are `ok` when the handler returns and `internal_error` when it raises; its exception is
        reported as part of the trace. A retry that the handler asks for leaves the status open.
        """
        retry: Exception | None = None
        received = {key: str(value) for key, value in (job.sentry_headers() or {}).items()}
        with sentry_sdk.isolation_scope():
            transaction = sentry_sdk.continue_trace(
                received, op="queue.process", name="queue_consumer_transaction"
            )
            with (
                sentry_sdk.start_transaction(transaction),
                sentry_sdk.start_span(op="queue.process", name=job.entrypoint) as span,
            ):
                _describe(span, job)
                try:
                    yield
                except Exception as error:
                    if retry_request(error) is None:
                        sentry_sdk.capture_exception(error)
                        raise
                    retry = error
                else:
                    span.set_status("ok")
                    transaction.set_status("ok")
        # Not through the spans, which would take it for a failure.
        if retry is not None:
            raise retry


def _producer() -> AbstractContextManager[object]:
    if sentry_sdk.get_current_span() is not None:
        return sentry_sdk.new_scope()
    return sentry_sdk.start_transaction(op="queue.publish", name="queue_producer_transaction")


def _published(entrypoint: str) -> dict[str, object]:
    with sentry_sdk.start_span(op="queue.publish", name=entrypoint) as span:
        span.set_data("messaging.system", "pgqueuer")
        span.set_data("messaging.destination.name", entrypoint)
        span.set_status("ok")
        context = {
            "sentry-trace": sentry_sdk.get_traceparent(),
            "baggage": sentry_sdk.get_baggage(),
        }
    return {"sentry": {name: value for name, value in context.items() if value is not None}}


def _describe(span: Span, job: Job) -> None:
    waited = utc_now() - max(job.created, job.execute_after)
    data = {
        "messaging.system": "pgqueuer",
        "messaging.message.id": str(job.id),
        "messaging.destination.name": job.entrypoint,
        "messaging.message.body.size": len(job.payload or b""),
        "messaging.message.retry.count": job.attempts,
        "messaging.message.receive.latency": waited.total_seconds() * 1_000,
    }
    for name, value in data.items():
        span.set_data(name, value)
