from __future__ import annotations

import sys
from importlib import import_module

import pytest

import pgqueuer.adapters.tracing
from pgqueuer import Job, PgQueuer
from pgqueuer.ports.tracing import TracingProtocol, set_tracing_class
from pgqueuer.types import QueueExecutionMode

TRACERS = [
    ("opentelemetry", "OpenTelemetryTracing", "opentelemetry"),
    ("sentry", "SentryTracing", "sentry_sdk"),
    ("logfire", "LogfireTracing", "logfire"),
]


@pytest.mark.parametrize(("module", "name", "library"), TRACERS)
async def test_a_tracer_without_its_library_says_so_and_does_nothing(
    pgq: PgQueuer, monkeypatch, caplog, module, name, library
):
    for loaded in [each for each in sys.modules if each.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.delitem(sys.modules, f"pgqueuer.adapters.tracing.{module}_spans", raising=False)
    monkeypatch.delattr(pgqueuer.adapters.tracing, f"{module}_spans", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    tracer = getattr(import_module(f"pgqueuer.adapters.tracing.{module}"), name)()
    assert isinstance(tracer, TracingProtocol)
    assert f"pip install 'pgqueuer[{module}]'" in caplog.text

    set_tracing_class(tracer)
    headers = []

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        headers.append(job.headers)

    await pgq.qm.queries.enqueue(["mail", "mail"], [None, None])
    await pgq.run(mode=QueueExecutionMode.drain)
    assert [each or None for each in headers] == [None, None]
