from __future__ import annotations

from datetime import timedelta

import pytest
from logfire.testing import CaptureLogfire

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.adapters.tracing.logfire import LogfireTracing
from pgqueuer.ports.tracing import set_tracing_class
from pgqueuer.types import QueueExecutionMode

DRAIN = QueueExecutionMode.drain


@pytest.fixture
def traced(pgq: PgQueuer, propagator: None, capfire: CaptureLogfire) -> CaptureLogfire:
    set_tracing_class(LogfireTracing())
    return capfire


def spans(traced: CaptureLogfire, name: str) -> list[dict]:
    return [span for span in traced.exporter.exported_spans_as_dict() if span["name"] == name]


async def test_a_run_is_a_child_of_the_span_that_sent_the_job(pgq, traced):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None: ...

    (job_id,) = await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    (sent,) = spans(traced, "enqueue {entrypoints}")
    (run,) = spans(traced, "process {entrypoint}")
    assert run["context"]["trace_id"] == sent["context"]["trace_id"]
    assert run["parent"]["span_id"] == sent["context"]["span_id"]
    assert run["attributes"]["logfire.msg"] == "process mail"
    assert run["attributes"]["job_id"] == job_id
    assert run["attributes"]["attempts"] == 0
    assert "events" not in run


async def test_a_failure_is_recorded_in_the_span(pgq, traced):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        raise ValueError("no such address")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)
    (run,) = spans(traced, "process {entrypoint}")
    (event,) = run["events"]
    assert event["attributes"]["exception.message"] == "no such address"


async def test_a_retry_is_a_warning_and_no_failure(pgq, traced):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        if not job.attempts:
            raise RetryRequested(timedelta(0), reason="busy")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)
    first, second = spans(traced, "process {entrypoint}")
    assert "events" not in first
    assert "events" not in second
    (warning,) = spans(traced, "retry requested")
    assert warning["parent"]["span_id"] == first["context"]["span_id"]
    assert warning["attributes"]["reason"] == "busy"
