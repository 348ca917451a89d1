"""What the decorator of `entrypoint` accepts and returns. `# E` marks a line with an error."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_type

from pydantic import BaseModel

from pgqueuer import Job, JobType, PgQueuer, QueueManager
from pgqueuer.executors import AsyncEntrypoint
from pgqueuer.models import Context

pgq = PgQueuer.in_memory()
qm: QueueManager = pgq.qm


class Mail(BaseModel):
    to: str


class Urgent(Mail):
    until: int


@dataclass
class Resize:
    width: int


SEND = JobType("send", Mail)
SUM = JobType("sum", list[int])
RAW = JobType("raw", bytes)

assert_type(SEND, JobType[Mail])
assert_type(SUM, JobType[list[int]])
assert_type(SEND.name, str)


# Handlers of jobs.


@pgq.entrypoint("job")
async def job(job: Job) -> None: ...


@qm.entrypoint("job_context", concurrency_limit=1, timeout=timedelta(seconds=1))
async def job_context(job: Job, context: Context) -> str:
    return "ignored"


@pgq.entrypoint("optional")
async def optional(job: Job, times: int = 3) -> None: ...


class Callee:
    async def __call__(self, job: Job) -> None: ...

    async def method(self, job: Job, context: Context) -> None: ...


pgq.entrypoint("callable")(Callee())
pgq.entrypoint("method")(Callee().method)


async def times(job: Job, times: int) -> None: ...


pgq.entrypoint("partial")(functools.partial(times, times=1))


register: Callable[[AsyncEntrypoint], AsyncEntrypoint] = pgq.entrypoint("annotated")


@pgq.entrypoint("sync")  # E
def sync(job: Job) -> None: ...


@pgq.entrypoint("number")  # E
async def number(job: int) -> None: ...


@pgq.entrypoint("second")  # E
async def second(job: Job, context: int) -> None: ...


@pgq.entrypoint("nothing")  # E
async def nothing() -> None: ...


@pgq.entrypoint("limit", concurrency_limit="1")  # E
async def limit(job: Job) -> None: ...


@pgq.entrypoint("failure", on_failure="retry")  # E
async def failure(job: Job) -> None: ...


# Handlers of a payload, by their annotation.


@pgq.entrypoint("mail")
async def mail(mail: Mail) -> int:
    return 1


@pgq.entrypoint("mail_job")
async def mail_job(mail: Mail, job: Job) -> None: ...


@qm.entrypoint("mail_context")
async def mail_context(mail: Mail, context: Context) -> None: ...


@pgq.entrypoint("all", on_failure="hold", executor="database-retry")
async def all_three(context: Context, job: Job, resize: Resize) -> None: ...


@pgq.entrypoint("mail_number")  # E
async def mail_number(mail: Mail, number: int) -> None: ...


@pgq.entrypoint("list")  # E
async def mails(mails: list[Mail]) -> None: ...


@pgq.entrypoint("sync_mail")  # E
def sync_mail(mail: Mail) -> None: ...


async def calls_of_registered_handlers(any_job: Job, context: Context) -> None:
    assert_type(await mail(Mail(to="a")), int)
    assert_type(await job_context(any_job, context), str)
    await all_three(context, any_job, Resize(1))
    await mail(any_job)  # E
    await mail_job(Mail(to="a"), context)  # E


# Handlers of a payload, by a JobType.


@pgq.entrypoint(SEND)
async def send(mail: Mail) -> None: ...


@qm.entrypoint(SEND, max_takeovers=1)
async def send_all(job: Job, mail: Mail, context: Context) -> None: ...


@pgq.entrypoint(SEND)
async def send_model(mail: BaseModel) -> None: ...


@pgq.entrypoint(SUM)
async def add(numbers: list[int]) -> None: ...


@pgq.entrypoint(RAW)
async def raw(data: bytes, job: Job) -> None: ...


@pgq.entrypoint(SEND)  # E
async def send_other(resize: Resize) -> None: ...


@pgq.entrypoint(SEND)  # E
async def send_narrower(mail: Urgent) -> None: ...


@pgq.entrypoint(SEND)  # E
async def send_job(job: Job) -> None: ...


@pgq.entrypoint(SUM)  # E
async def add_texts(texts: list[str]) -> None: ...


@pgq.entrypoint(SEND, executor="database-retry")  # E
async def send_other_with_retries(resize: Resize) -> None: ...


# Handlers of a payload, by payload_type.


@pgq.entrypoint("numbers", payload_type=list[int])
async def numbers(numbers: list[int], context: Context) -> None: ...


@pgq.entrypoint("maybe", payload_type=Mail | None)
async def maybe(mail: Mail | None) -> None: ...


@pgq.entrypoint("numbers", payload_type=list[int])  # E
async def texts(texts: list[str]) -> None: ...


# Blocking functions.


@pgq.entrypoint("blocking", executor="thread", executor_options={"max_threads": 2})
def blocking(job: Job) -> None: ...


@pgq.entrypoint(SEND, executor="process-pool")
def blocking_send(mail: Mail) -> None: ...


def takes_registration(handler: Callable[[Job], Awaitable[object]]) -> None:
    pgq.entrypoint("passed")(handler)
