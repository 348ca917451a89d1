"""Typed jobs are the same over every bundled driver, and without a database."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import msgspec
import psycopg
import pytest
from pydantic import BaseModel, field_validator

from pgqueuer import (
    DatabaseRetryEntrypointExecutor,
    InMemoryQueries,
    Job,
    JobType,
    PgQueuer,
    Queries,
)
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver, SyncPsycopgDriver
from pgqueuer.errors import InvalidPayloadError
from pgqueuer.executors import AbstractEntrypointExecutor
from pgqueuer.models import Context, TracebackRecord
from pgqueuer.queries import NewJob, SyncQueries
from pgqueuer.types import QueueExecutionMode
from tests.support.blocking_handlers import write_words

DRAIN = QueueExecutionMode.drain


class Mail(BaseModel):
    to: str
    subject: str = "hello"


@dataclass
class Resize:
    width: int


class Point(msgspec.Struct):
    x: int


class Recursive(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def fail(cls, number: int) -> int:
        return cls.fail(number)


class Leaving(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def fail(cls, number: int) -> int:
        raise SystemExit("not from here")


SEND = JobType("send", Mail)
SUM = JobType("sum", list[int])


@pytest.fixture(params=["asyncpg", "pool", "psycopg", "memory"])
async def pgq(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[PgQueuer]:
    async with AsyncExitStack() as stack:
        match request.param:
            case "asyncpg":
                connection = await asyncpg.connect(queue_dsn)
                stack.push_async_callback(connection.close)
                yield PgQueuer(AsyncpgDriver(connection))
            case "pool":
                pool = await stack.enter_async_context(asyncpg.create_pool(queue_dsn, min_size=2))
                yield PgQueuer(AsyncpgPoolDriver(pool))
            case "psycopg":
                connecting = psycopg.AsyncConnection.connect(queue_dsn, autocommit=True)
                other = await stack.enter_async_context(await connecting)
                yield PgQueuer(PsycopgDriver(other))
            case "memory":
                yield PgQueuer.in_memory()


async def statuses(pgq: PgQueuer) -> Counter[str]:
    return Counter(row.status for row in await pgq.qm.queries.queue_log())


async def records(pgq: PgQueuer) -> list[TracebackRecord]:
    return [row.traceback for row in await pgq.qm.queries.queue_log() if row.traceback]


def same(got: list[object], *expected: object) -> bool:
    """Whether these are the values, in any order."""
    return sorted(map(repr, got)) == sorted(map(repr, expected))


async def test_a_handler_gets_what_was_enqueued(pgq: PgQueuer) -> None:
    got: list[object] = []

    @pgq.entrypoint("mail")
    async def mail(mail: Mail, job: Job) -> None:
        got.append((mail, job.payload))

    @pgq.entrypoint("resize")
    async def resize(context: Context, resize: Resize) -> None:
        got.append((resize, context.resources))

    @pgq.entrypoint("point")
    async def point(point: Point) -> None:
        got.append(point)

    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        got.append(job.payload)

    queries = pgq.qm.queries
    await queries.enqueue("mail", Mail(to="a"))
    await queries.enqueue(["resize", "point", "job", "job"], [Resize(2), Point(3), b"raw", None])
    await pgq.run(mode=DRAIN)
    assert same(
        got,
        (Mail(to="a"), b'{"to":"a","subject":"hello"}'),
        (Resize(2), pgq.resources),
        Point(3),
        b"raw",
        None,
    )


async def test_a_job_type_stands_for_name_and_type(pgq: PgQueuer) -> None:
    got: list[object] = []

    @pgq.entrypoint(SEND)
    async def send(mail: Mail) -> None:
        got.append(mail)

    @pgq.entrypoint(SUM)
    async def add(numbers: list[int]) -> None:
        got.append(sum(numbers))

    queries = pgq.qm.queries
    assert len(await queries.enqueue(SEND, Mail(to="a"))) == 1
    assert len(await queries.enqueue([SUM, SUM], [[1, 2], []])) == 2
    assert len(await queries.enqueue(SUM, [5])) == 1
    assert isinstance(queries, Queries | InMemoryQueries)
    assert await queries.enqueue_many([NewJob(SEND, Mail(to="b")), NewJob("sum", b"[1]")]) == 2
    assert await queries.enqueue([SEND], [Mail(to="a")], dedupe_key=["k"], on_conflict="skip")
    await pgq.run(mode=DRAIN)
    assert same(got, Mail(to="a"), 3, 0, 5, Mail(to="b"), 1, Mail(to="a"))


@pytest.mark.parametrize(
    ("entrypoint", "payload"),
    [
        (SEND, Resize(1)),
        (SEND, None),
        (SEND, [Mail(to="a")]),
        (SUM, ["a"]),
        ([SEND, "job"], [Mail(to="a"), 1]),
        ("send", {"to": "a"}),
        ("send", Mail),
    ],
    ids=str,
)
async def test_a_wrong_payload_is_refused_and_nothing_inserted(
    pgq: PgQueuer, entrypoint: object, payload: object
) -> None:
    with pytest.raises(TypeError, match="payload"):
        await pgq.qm.queries.enqueue(entrypoint, payload)  # type: ignore[call-overload]
    assert await pgq.qm.queries.queue_log() == []


async def test_a_large_model_is_refused_like_large_bytes(pgq: PgQueuer) -> None:
    limit = pgq.qm.queries.qbe.settings.max_payload_bytes
    with pytest.raises(ValueError, match="payload has"):
        await pgq.qm.queries.enqueue("send", Mail(to="x" * limit))


@pytest.mark.parametrize("payload", [None, b"", b"no JSON", b"{}", b"\xff", b"[" * 10_000])
async def test_a_bad_payload_is_parked_and_runs_again_after_a_fix(
    pgq: PgQueuer, payload: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[Mail] = []

    @pgq.entrypoint("send", on_failure="delete", executor="database-retry")
    async def send(mail: Mail) -> None:
        got.append(mail)

    queries = pgq.qm.queries
    bad, _ = await queries.enqueue(["send", "send"], [payload, b'{"to": "a"}'])
    await pgq.run(mode=DRAIN)
    assert got == [Mail(to="a")]
    (parked,) = await queries.list_failed_jobs()
    assert (parked.id, parked.payload, parked.attempts) == (bad, payload, 0)
    (record,) = await records(pgq)
    assert record.exception_type == "InvalidPayloadError"
    assert await statuses(pgq) == {"queued": 2, "picked": 2, "successful": 1, "failed": 1}

    fixed = PgQueuer(pgq.connection, queries=queries)

    @fixed.entrypoint("send")
    async def send_again(job: Job) -> None:
        assert job.payload == payload

    await queries.requeue_jobs([bad])
    await fixed.run(mode=DRAIN)
    assert await queries.queue_size() == []


async def test_the_reason_is_logged_without_the_payload(
    pgq: PgQueuer, caplog: pytest.LogCaptureFixture
) -> None:
    @pgq.entrypoint("send")
    async def send(mail: Mail) -> None: ...

    await pgq.qm.queries.enqueue("send", b'{"to": ["hush"]}')
    await pgq.run(mode=DRAIN)
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "entrypoint send is parked as failed" in record.getMessage()
    assert "to: Input should be a valid string" in record.getMessage()
    assert record.exc_info is None
    assert "hush" not in caplog.text
    (kept,) = await records(pgq)
    assert "hush" not in kept.traceback


async def test_an_odd_decoder_parks_its_own_job_only(pgq: PgQueuer) -> None:
    ended: list[bytes | None] = []

    @pgq.entrypoint("recursive")
    async def recursive(payload: Recursive) -> None: ...

    @pgq.entrypoint("leaving")
    async def leaving(payload: Leaving) -> None: ...

    @pgq.entrypoint("job")
    async def job(job: Job) -> None:
        ended.append(job.payload)

    names = ["recursive", "job", "leaving", "job"]
    await pgq.qm.queries.enqueue(names, [b'{"number": 1}', b"1", b'{"number": 1}', b"2"])
    await pgq.run(mode=DRAIN)
    assert sorted(ended, key=str) == [b"1", b"2"]
    failed = await pgq.qm.queries.list_failed_jobs()
    assert sorted(each.entrypoint for each in failed) == ["leaving", "recursive"]
    said = " ".join(record.traceback for record in await records(pgq))
    assert "RecursionError" in said
    assert "SystemExit" in said


async def test_an_executor_can_not_retry_a_bad_payload(pgq: PgQueuer) -> None:
    calls: list[str] = []

    @dataclass(eq=False)
    class Stubborn(AbstractEntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            calls.append(job.entrypoint)
            retrying = DatabaseRetryEntrypointExecutor(self.parameters)
            await retrying.execute(job, context)

    @pgq.entrypoint("annotated", executor_factory=Stubborn)
    async def annotated(mail: Mail) -> None:
        calls.append("handler")

    @pgq.entrypoint("declared", executor_factory=Stubborn, payload_type=Mail)
    async def declared(mail: Mail) -> None:
        calls.append("handler")

    await pgq.qm.queries.enqueue(["annotated", "declared"], [b"{}", b"{}"])
    await pgq.run(mode=DRAIN)
    # One is decoded when the executor passes it on, the other before.
    assert calls == ["annotated"]
    assert len(await pgq.qm.queries.list_failed_jobs()) == 2


async def test_a_handler_may_refuse_its_payload_itself(pgq: PgQueuer) -> None:
    @pgq.entrypoint("send", executor="database-retry")
    async def send(mail: Mail) -> None:
        raise InvalidPayloadError("There is no such address")

    await pgq.qm.queries.enqueue("send", Mail(to="nobody"))
    await pgq.run(mode=DRAIN)
    (record,) = await records(pgq)
    assert record.exception_message == "There is no such address"
    assert len(await pgq.qm.queries.list_failed_jobs()) == 1


async def test_a_handler_in_another_process_gets_its_payload(
    pgq: PgQueuer, tmp_path: object
) -> None:
    path = f"{tmp_path}/words"
    pgq.entrypoint("words", executor="process-pool")(write_words)
    await pgq.qm.queries.enqueue("words", b'{"path": "%b", "words": ["a", "b"]}' % path.encode())
    await pgq.run(mode=DRAIN)
    with open(path) as file:  # noqa: ASYNC230
        assert file.read() == "a b"


async def test_synchronous_producers_encode_the_same(queue_dsn: str) -> None:
    def produce() -> None:
        with psycopg.Connection.connect(queue_dsn, autocommit=True) as connection:
            queries = SyncQueries(SyncPsycopgDriver(connection))
            queries.enqueue(SEND, Mail(to="a"))
            queries.enqueue(["resize", "point"], [Resize(1), Point(2)])

    await asyncio.to_thread(produce)
    connection = await asyncpg.connect(queue_dsn)
    jobs = await Queries(AsyncpgDriver(connection)).browse_queue()
    await connection.close()
    assert sorted(job.payload or b"" for job in jobs) == [
        b'{"to":"a","subject":"hello"}',
        b'{"width":1}',
        b'{"x":2}',
    ]
