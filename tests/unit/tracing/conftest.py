from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pgqueuer import PgQueuer
from pgqueuer.ports.tracing import TRACER


@pytest.fixture
def pgq(monkeypatch: pytest.MonkeyPatch) -> PgQueuer:
    """A worker and a producer that use the tracer of the process, which ends with the test."""
    monkeypatch.setattr(TRACER, "tracer", None)
    return PgQueuer.in_memory()


@pytest.fixture(autouse=True)
def propagator() -> Iterator[None]:
    """That of OpenTelemetry itself: Logfire, once configured, leaves its own in the process."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )
    yield
    propagate.set_global_textmap(before)
