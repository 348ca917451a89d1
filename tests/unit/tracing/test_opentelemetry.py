from __future__ import annotations

from datetime import timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.adapters.tracing.opentelemetry import OpenTelemetryTracing
from pgqueuer.ports.tracing import set_tracing_class
from pgqueuer.types import QueueExecutionMode

DRAIN = QueueExecutionMode.drain


class Exported:
    """A provider of its own and the spans that it got."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found


@pytest.fixture
def exported(pgq: PgQueuer) -> Exported:
    exported = Exported()
    set_tracing_class(OpenTelemetryTracing(exported.tracer))
    return exported


async def test_a_run_is_a_child_of_the_span_that_sent_the_job(pgq, exported):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        with exported.tracer.start_as_current_span("inside"):
            pass

    with exported.tracer.start_as_current_span("request"):
        (job_id,) = await pgq.qm.queries.enqueue("mail", b"four")
    await pgq.run(mode=DRAIN)

    request, send = exported.span("request"), exported.span("send mail")
    process, inside = exported.span("process mail"), exported.span("inside")
    assert len({span.context.trace_id for span in (request, send, process, inside)}) == 1
    assert send.parent.span_id == request.context.span_id
    assert process.parent.span_id == send.context.span_id
    assert inside.parent.span_id == process.context.span_id
    assert (send.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert dict(send.attributes) == {
        "messaging.system": "pgqueuer",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
    }
    assert dict(process.attributes) == {
        "messaging.system": "pgqueuer",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(job_id),
        "messaging.message.body.size": 4,
        "messaging.client.id": str(pgq.qm.queue_manager_id),
        "pgqueuer.job.attempts": 0,
    }
    assert process.status.status_code is StatusCode.OK
    assert not process.links


async def test_a_batch_is_a_client_span_around_one_creation_for_each_job(pgq, exported):
    await pgq.qm.queries.enqueue(["mail", "call", "mail"], [None] * 3)
    send = exported.span("send")
    created = [*exported.spans("create mail"), *exported.spans("create call")]
    assert send.kind is SpanKind.CLIENT
    assert send.attributes["messaging.batch.message_count"] == 3
    assert len(created) == 3
    assert {span.parent.span_id for span in created} == {send.context.span_id}
    assert {span.kind for span in created} == {SpanKind.PRODUCER}


async def test_every_job_of_a_batch_carries_its_own_creation(pgq, exported):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None: ...

    await pgq.qm.queries.enqueue(["mail"] * 3, [None] * 3)
    await pgq.run(mode=DRAIN)
    created = {span.context.span_id for span in exported.spans("create mail")}
    assert {span.parent.span_id for span in exported.spans("process mail")} == created
    assert len(created) == 3


async def test_a_failure_ends_the_span_in_error_with_the_exception(pgq, exported):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        raise ValueError("no such address")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    span = exported.span("process mail")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "no such address"
    assert span.attributes["error.type"] == "ValueError"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "no such address"


async def test_a_retry_is_no_error_and_the_next_run_links_to_the_origin(pgq, exported):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        if not job.attempts:
            raise RetryRequested(timedelta(0), reason="busy")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    send = exported.span("send mail")
    first, second = exported.spans("process mail")
    assert first.status.status_code is StatusCode.UNSET
    assert [(event.name, dict(event.attributes)) for event in first.events] == [
        ("retry requested", {"delay": 0.0, "reason": "busy"})
    ]
    assert second.status.status_code is StatusCode.OK
    assert [link.context.span_id for link in second.links] == [send.context.span_id]
    assert second.attributes["pgqueuer.job.attempts"] == 1
    assert first.parent.span_id == second.parent.span_id == send.context.span_id


@pytest.mark.parametrize("headers", [None, {"otel": {"traceparent": "nonsense"}}, {"otel": "odd"}])
async def test_a_job_without_a_context_starts_a_trace(pgq, headers):
    exported = Exported()

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None: ...

    await pgq.qm.queries.enqueue("mail", None, headers=headers)
    set_tracing_class(OpenTelemetryTracing(exported.tracer))
    await pgq.run(mode=DRAIN)
    span = exported.span("process mail")
    assert span.parent is None
    assert span.status.status_code is StatusCode.OK


def test_the_tracer_of_the_global_provider_is_used_unless_one_is_given(monkeypatch):
    exported = Exported()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", exported.provider)
    tracing = OpenTelemetryTracing(instrumentation_name="named")
    (headers,) = tracing.trace_publish(["mail"])
    assert exported.span("send mail").instrumentation_scope.name == "named"
    assert set(headers["otel"]) == {"traceparent"}
