"""Traces with Sentry."""

from __future__ import annotations

from pgqueuer.adapters.tracing.sdk import SdkTracing
from pgqueuer.ports.tracing import TracingProtocol


class SentryTracing(SdkTracing):
    """A `queue.publish` span for each job that is enqueued, a `queue.process` span for each run.

    They appear in Sentry's view of queues. The trace travels in a job's headers under `sentry`; a
    job without it starts a trace of its own. Errors of handlers are reported. The program calls
    `sentry_sdk.init` itself. Does nothing where sentry-sdk is not installed.
    """

    def __init__(self) -> None:
        super().__init__("sentry_sdk", "sentry", _spans)


def _spans() -> TracingProtocol:
    from pgqueuer.adapters.tracing.sentry_spans import SentrySpans  # noqa: PLC0415

    return SentrySpans()
