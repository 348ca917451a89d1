from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.adapters.tracing.sentry import SentryTracing
from pgqueuer.ports.tracing import set_tracing_class
from pgqueuer.types import QueueExecutionMode

DRAIN = QueueExecutionMode.drain


class Memory(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__({"dsn": "https://key@localhost/1"})
        self.transactions: list[dict] = []
        self.errors: list[dict] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            if item.type == "transaction":
                self.transactions.append(item.payload.json)
            elif item.type == "event":
                self.errors.append(item.payload.json)

    def transaction(self, name: str) -> dict:
        (found,) = [one for one in self.transactions if one["transaction"] == name]
        return found


def status(span: dict) -> str:
    """Older releases of the SDK send it as a tag."""
    return span.get("status") or span["tags"]["status"]


@pytest.fixture
async def sent(pgq: PgQueuer) -> AsyncIterator[Memory]:
    # Other tests of the process may have left a span behind.
    sentry_sdk.get_current_scope().span = None
    before = sentry_sdk.get_global_scope().client
    memory = Memory()
    sentry_sdk.init(transport=memory, traces_sample_rate=1.0, dsn="https://key@localhost/1")
    set_tracing_class(SentryTracing())
    yield memory
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(before)


async def test_producer_and_run_share_a_trace(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None: ...

    (job_id,) = await pgq.qm.queries.enqueue("mail", b"four")
    await pgq.run(mode=DRAIN)

    producer = sent.transaction("queue_producer_transaction")
    consumer = sent.transaction("queue_consumer_transaction")
    (publish,), (process,) = producer["spans"], consumer["spans"]
    assert producer["contexts"]["trace"]["trace_id"] == consumer["contexts"]["trace"]["trace_id"]
    assert consumer["contexts"]["trace"]["parent_span_id"] == publish["span_id"]
    assert (publish["op"], publish["data"]["messaging.destination.name"]) == (
        "queue.publish",
        "mail",
    )
    assert process["op"] == "queue.process"
    assert process["data"]["messaging.message.id"] == str(job_id)
    assert process["data"]["messaging.message.body.size"] == 4
    assert process["data"]["messaging.message.retry.count"] == 0
    assert process["data"]["messaging.message.receive.latency"] >= 0
    assert status(process) == consumer["contexts"]["trace"]["status"] == "ok"
    assert sent.errors == []


async def test_a_job_that_is_sent_inside_of_a_span_belongs_to_it(pgq, sent):
    with sentry_sdk.start_transaction(name="request", op="http.server"):
        await pgq.qm.queries.enqueue(["mail", "call"], [None, None])
    spans = sent.transaction("request")["spans"]
    assert [(span["op"], span["description"]) for span in spans] == [
        ("queue.publish", "mail"),
        ("queue.publish", "call"),
    ]


async def test_a_failure_is_reported_once_as_part_of_its_trace(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        raise ValueError("no such address")

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    consumer = sent.transaction("queue_consumer_transaction")
    assert consumer["contexts"]["trace"]["status"] == "internal_error"
    assert [status(span) for span in consumer["spans"]] == ["internal_error"]
    (error,) = sent.errors
    assert error["exception"]["values"][0]["value"] == "no such address"
    assert error["contexts"]["trace"]["trace_id"] == consumer["contexts"]["trace"]["trace_id"]


async def test_a_retry_is_no_failure(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        if not job.attempts:
            raise RetryRequested

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=DRAIN)

    runs = [one for one in sent.transactions if one["transaction"] == "queue_consumer_transaction"]
    assert [run["contexts"]["trace"].get("status") for run in runs] == [None, "ok"]
    assert [run["spans"][0]["data"]["messaging.message.retry.count"] for run in runs] == [0, 1]
    assert sent.errors == []


async def test_tags_of_one_job_do_not_reach_another(pgq, sent):
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        if job.payload == b"tag":
            sentry_sdk.set_tag("customer", "one")

    await pgq.qm.queries.enqueue(["mail", "mail"], [b"tag", b""], [1, 0])
    await pgq.run(mode=DRAIN)
    tags = [
        "customer" in one.get("tags", {})
        for one in sent.transactions
        if one["transaction"] == "queue_consumer_transaction"
    ]
    assert sorted(tags) == [False, True]
