from __future__ import annotations

import asyncio

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pgqueuer.metrics.worker_opentelemetry import OpenTelemetryObserver, record_metrics
from pgqueuer.plugins import ServiceContext
from pgqueuer.ports.observer import (
    ClaimingChanged,
    JobOutcome,
    JobsClaimed,
    JobsSettled,
    ListenerChanged,
    LoopBlocked,
)


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def observer(reader: InMemoryMetricReader) -> OpenTelemetryObserver:
    return OpenTelemetryObserver(MeterProvider([reader]).get_meter("test"))


def points(reader: InMemoryMetricReader) -> dict[str, list]:
    data = reader.get_metrics_data()
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_batches_become_counts_and_durations(reader, observer):
    observer.observe(JobsClaimed(count=3, held=3))
    observer.observe(
        JobsSettled(
            outcomes=[
                JobOutcome("mail", "successful", 0.5, 1.0),
                JobOutcome("mail", "successful", 0.5, 2.0),
                JobOutcome("call", "exception", 0.25, 4.0),
            ],
            held=0,
        )
    )
    found = points(reader)
    counts = {
        (p.attributes["messaging.destination.name"], p.attributes["pgqueuer.outcome"]): p.value
        for p in found["pgqueuer.worker.jobs"]
    }
    assert counts == {("mail", "successful"): 2, ("call", "exception"): 1}
    durations = {
        p.attributes["messaging.destination.name"]: p.sum
        for p in found["messaging.process.duration"]
    }
    assert durations == {"mail": 3.0, "call": 4.0}
    waits = [p.sum for p in found["pgqueuer.worker.job.wait"]]
    assert sorted(waits) == [0.25, 1.0]
    assert [p.sum for p in found["pgqueuer.worker.claim"]] == [3]


def test_a_blocked_loop_is_recorded_for_the_entrypoint_that_was_seen_most(reader, observer):
    observer.observe(LoopBlocked(seconds=2.5, entrypoints=("mail", "call")))
    observer.observe(LoopBlocked(seconds=1.5, entrypoints=()))
    found = {
        p.attributes["messaging.destination.name"]: p.sum
        for p in points(reader)["pgqueuer.worker.loop.blocked"]
    }
    assert found == {"mail": 2.5, "": 1.5}


@pytest.mark.parametrize("claiming", [True, False])
def test_whether_the_worker_claims_is_read_when_asked(reader, observer, claiming):
    observer.observe(ClaimingChanged(claiming=claiming))
    assert [p.value for p in points(reader)["pgqueuer.worker.claiming"]] == [int(claiming)]


@pytest.mark.parametrize("healthy", [True, False])
def test_the_state_of_the_worker_is_read_when_asked(reader, observer, healthy):
    observer.observe(JobsClaimed(count=2, held=7))
    observer.observe(ListenerChanged(healthy=healthy))
    found = points(reader)
    assert [p.value for p in found["pgqueuer.worker.jobs.held"]] == [7]
    assert [p.value for p in found["pgqueuer.worker.listener.healthy"]] == [int(healthy)]


async def test_the_service_records_with_the_global_provider(reader, monkeypatch):
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", MeterProvider([reader]))
    context = ServiceContext(queries=object(), shutdown=asyncio.Event(), resources={})
    async with record_metrics(context):
        (observer,) = context.observers
        observer.observe(JobsClaimed(count=1, held=1))
    assert "pgqueuer.worker.claim" in points(reader)
