"""What `enqueue` accepts and returns. `# E` marks a line with an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_type

import msgspec
from pydantic import BaseModel

from pgqueuer import InMemoryDriver, InMemoryQueries, JobId, JobType, PgQueuer, Queries
from pgqueuer.ports.repository import RepositoryPort
from pgqueuer.queries import NewJob, SyncQueries


class Mail(BaseModel):
    to: str


class Urgent(Mail): ...


@dataclass
class Resize:
    width: int


class Point(msgspec.Struct):
    x: int


SEND = JobType("send", Mail)
RESIZE = JobType("resize", Resize)
SUM = JobType("sum", list[int])


async def plain(queries: Queries, payload: bytes | None, names: list[str]) -> None:
    assert_type(await queries.enqueue("e", b"x"), list[JobId])
    assert_type(await queries.enqueue("e", payload, 1, timedelta(1), "key", {}), list[JobId])
    assert_type(await queries.enqueue(["e", "f"], [b"x", None], [1, 2]), list[JobId])
    assert_type(await queries.enqueue("e", None, on_conflict="skip"), list[JobId | None])
    assert_type(await queries.enqueue(names, [b""], on_conflict="update_priority"), list[JobId])
    await queries.enqueue("e", "text")  # E
    await queries.enqueue("e", 1)  # E
    await queries.enqueue("e", {"a": 1})  # E
    await queries.enqueue("e", ["a", "b"])  # E
    await queries.enqueue(1, b"")  # E
    await queries.enqueue("e", b"", priority="high")  # E
    await queries.enqueue("e", b"", execute_after=5)  # E
    await queries.enqueue("e", b"", on_conflict="ignore")  # E


async def models(queries: Queries, points: Sequence[Point]) -> None:
    assert_type(await queries.enqueue("e", Mail(to="a")), list[JobId])
    assert_type(await queries.enqueue("e", Resize(1)), list[JobId])
    assert_type(await queries.enqueue("e", Point(1), on_conflict="skip"), list[JobId | None])
    assert_type(await queries.enqueue(["e", "f"], [Mail(to="a"), Resize(1)]), list[JobId])
    await queries.enqueue(["e"] * len(points), points)
    await queries.enqueue(["e", "f", "g"], [Mail(to="a"), b"", None])
    await queries.enqueue("e", [Mail(to="a"), 1])  # E


async def job_types(queries: Queries, mails: list[Mail]) -> None:
    assert_type(await queries.enqueue(SEND, Mail(to="a")), list[JobId])
    assert_type(await queries.enqueue(SEND, Mail(to="a"), dedupe_key="k"), list[JobId])
    assert_type(await queries.enqueue(SEND, Mail(to="a"), on_conflict="skip"), list[JobId | None])
    assert_type(await queries.enqueue([SEND] * len(mails), mails), list[JobId])
    assert_type(await queries.enqueue([SEND], mails, on_conflict="skip"), list[JobId | None])
    await queries.enqueue(SEND, Urgent(to="a"))
    await queries.enqueue(SUM, [1, 2])
    await queries.enqueue(SEND.name, b"{}")
    await queries.enqueue(SEND, Resize(1))  # E
    await queries.enqueue(SEND, b"{}")  # E
    await queries.enqueue(SEND, None)  # E
    await queries.enqueue(SEND, mails)  # E
    await queries.enqueue(SUM, ["a"])  # E
    await queries.enqueue([SEND], [Resize(1)])  # E
    await queries.enqueue([SEND], Mail(to="a"))  # E


async def other_queries(
    pgq: PgQueuer, port: RepositoryPort, memory: InMemoryQueries, sync: SyncQueries
) -> None:
    assert_type(await port.enqueue(SEND, Mail(to="a")), list[JobId])
    assert_type(await pgq.qm.queries.enqueue("e", Mail(to="a")), list[JobId])
    assert_type(await memory.enqueue([SEND], [Mail(to="a")]), list[JobId])
    assert_type(sync.enqueue(SEND, Mail(to="a")), list[JobId])
    assert_type(sync.enqueue("e", Resize(1), on_conflict="skip"), list[JobId | None])
    await port.enqueue(SEND, Resize(1))  # E
    await memory.enqueue(SEND, Resize(1))  # E
    sync.enqueue(SEND, Resize(1))  # E


async def streams(queries: Queries) -> None:
    await queries.enqueue_many([NewJob("e", b"x"), NewJob("e", Mail(to="a")), NewJob(SUM)])
    await queries.enqueue_many([NewJob("e", "text")])  # E


port: RepositoryPort = InMemoryQueries(InMemoryDriver())
