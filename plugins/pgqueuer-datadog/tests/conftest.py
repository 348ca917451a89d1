from __future__ import annotations

import os
from collections.abc import Iterator

# Read once, when ddtrace is imported.
os.environ.update(
    DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
    DD_REMOTE_CONFIGURATION_ENABLED="false",
    DD_SERVICE="mailer",
)

import pytest
from ddtrace.trace import Span, TraceFilter, tracer

pytest_plugins = ["pgqueuer.testing.fixtures"]


class Memory(TraceFilter):
    """Keeps what would be sent to the agent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def process_trace(self, trace: list[Span]) -> None:
        self.spans += trace

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def sent() -> Iterator[Memory]:
    memory = Memory()
    tracer.configure(trace_processors=[memory])
    yield memory
    # The next spans, if any, are no longer of this test, and must not be sent either.
    tracer.configure(trace_processors=[Memory()])
