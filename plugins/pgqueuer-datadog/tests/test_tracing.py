from __future__ import annotations

import asyncio

import pytest
from ddtrace.trace import tracer

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.ports.tracing import TRACER
from pgqueuer.types import QueueExecutionMode
from pgqueuer_datadog.tracing import DatadogTracing

DRAIN = QueueExecutionMode.drain


@pytest.fixture
def pgq(monkeypatch: pytest.MonkeyPatch) -> PgQueuer:
    """A worker and a producer that trace."""
    monkeypatch.setattr(TRACER, "tracer", DatadogTracing())
    return PgQueuer.in_memory()


async def test_producer_and_run_share_a_trace(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None: ...

    with tracer.trace("something else") as other:
        service = other.service
    (job_id,) = await pgq.qm.queries.enqueue("mail", b"four")
    await pgq.run(mode=DRAIN)

    (publish,), (process,) = sent.named("pgqueuer.publish"), sent.named("pgqueuer.process")
    assert (process.trace_id, process.parent_id) == (publish.trace_id, publish.span_id)
    assert (publish.resource, publish.service, publish.span_type) == ("mail", service, "queue")
    assert (process.resource, process.service, process.span_type) == ("mail", service, "worker")
    assert publish.get_tag("span.kind") == "producer"
    assert process.get_tag("span.kind") == "consumer"
    assert process.get_tag("messaging.message.id") == str(job_id)
    assert process.get_metric("messaging.message.body.size") == 4
    assert process.get_metric("messaging.message.retry.count") == 0
    assert (publish.error, process.error) == (0, 0)


async def test_a_job_belongs_to_the_request_that_sent_it(pgq, sent):
    with tracer.trace("request") as request:
        await pgq.qm.queries.enqueue(["mail", "call"], [None, None])

    published = sent.named("pgqueuer.publish")
    assert [span.resource for span in published] == ["mail", "call"]
    assert {span.parent_id for span in published} == {request.span_id}


async def test_spans_of_the_handler_are_below_the_run(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        with tracer.trace("smtp"):
            pass

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    (process,), (smtp,) = sent.named("pgqueuer.process"), sent.named("smtp")
    assert (smtp.trace_id, smtp.parent_id) == (process.trace_id, process.span_id)


async def test_jobs_that_run_at_once_keep_to_their_own_traces(pgq, sent):
    together = asyncio.Barrier(2)

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        await together.wait()
        with tracer.trace("smtp") as span:
            span.set_tag("job", str(job.id))
            await together.wait()

    await pgq.qm.queries.enqueue(["mail", "mail"], [None, None])
    await pgq.run(mode=DRAIN)

    runs = {span.get_tag("messaging.message.id"): span for span in sent.named("pgqueuer.process")}
    below = {span.get_tag("job"): span.parent_id for span in sent.named("smtp")}
    assert len(runs) == 2
    assert below == {job: span.span_id for job, span in runs.items()}


async def test_a_job_without_context_starts_a_trace_even_below_a_span_of_the_worker(sent):
    job = Job.model_validate(await _some_job())
    with tracer.trace("worker") as worker:
        async with DatadogTracing().trace_process(job):
            pass
        assert tracer.current_span() is worker

    (process,) = sent.named("pgqueuer.process")
    assert process.parent_id in (None, 0)
    assert process.trace_id != worker.trace_id


@pytest.mark.parametrize("header", ["text", 3, {"x-datadog-trace-id": "nonsense"}, {}])
async def test_headers_that_are_no_context_start_a_trace(sent, header):
    job = Job.model_validate(await _some_job() | {"headers": {"datadog": header}})
    async with DatadogTracing().trace_process(job):
        pass

    (process,) = sent.named("pgqueuer.process")
    assert process.parent_id in (None, 0)


async def test_a_failure_is_an_error_of_the_span(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        raise ValueError("no such address")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    (process,) = sent.named("pgqueuer.process")
    assert process.error == 1
    assert process.get_tag("error.message") == "no such address"
    assert process.get_tag("error.type") == "builtins.ValueError"
    assert "in mail" in process.get_tag("error.stack")


async def test_a_retry_is_no_failure(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        if not job.attempts:
            raise RetryRequested(reason="busy")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    runs = sent.named("pgqueuer.process")
    assert [run.error for run in runs] == [0, 0]
    assert [run.get_tag("pgqueuer.retry") for run in runs] == ["busy", None]
    assert [run.get_metric("messaging.message.retry.count") for run in runs] == [0, 1]


async def test_the_service_can_be_named(sent):
    tracing = DatadogTracing(service="queue")
    list(tracing.trace_publish(["mail"]))
    async with tracing.trace_process(Job.model_validate(await _some_job())):
        pass

    assert {span.service for span in sent.spans} == {"queue"}


async def _some_job() -> dict[str, object]:
    """A job that nobody traced."""
    pgq = PgQueuer.in_memory()
    jobs: list[Job] = []

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        jobs.append(job)

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)
    return jobs[0].model_dump()
