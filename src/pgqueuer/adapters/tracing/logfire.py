"""Traces with Logfire."""

from __future__ import annotations

from pgqueuer.adapters.tracing.sdk import SdkTracing
from pgqueuer.ports.tracing import TracingProtocol


class LogfireTracing(SdkTracing):
    """A Logfire span where jobs are enqueued, and one for each run of a job.

    The context travels in a job's headers under `logfire`; a job without it starts a trace of its
    own. The program calls `logfire.configure` itself. Does nothing where logfire is not installed.
    """

    def __init__(self) -> None:
        super().__init__("logfire", "logfire", _spans)


def _spans() -> TracingProtocol:
    from pgqueuer.adapters.tracing.logfire_spans import LogfireSpans  # noqa: PLC0415

    return LogfireSpans()
