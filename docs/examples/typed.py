from __future__ import annotations

from pydantic import BaseModel

from pgqueuer import Job, JobType, PgQueuer, Queries
from pgqueuer.models import Context


class Mail(BaseModel):
    to: str
    subject: str = "Hello"


SEND_MAIL = JobType("send_mail", Mail)
SUM = JobType("sum", list[int])


def by_annotation(pgq: PgQueuer) -> None:
    @pgq.entrypoint("send_mail")
    async def send_mail(mail: Mail) -> None:
        print(f"{mail.subject}, {mail.to}")


async def produce(queries: Queries) -> None:
    await queries.enqueue("send_mail", Mail(to="ann@example.org"))
    await queries.enqueue(
        ["send_mail", "send_mail"],
        [Mail(to="bob@example.org"), Mail(to="cat@example.org", subject="Hi")],
    )


def with_job_and_context(pgq: PgQueuer) -> None:
    @pgq.entrypoint("send_mail")
    async def send_mail(mail: Mail, job: Job, context: Context) -> None:
        sender = context.resources["sender"]
        print(f"Attempt {job.attempts} of {sender} to {mail.to}")


def by_job_type(pgq: PgQueuer) -> None:
    @pgq.entrypoint(SEND_MAIL)
    async def send_mail(mail: Mail) -> None:
        print(f"{mail.subject}, {mail.to}")

    @pgq.entrypoint(SUM)
    async def add(numbers: list[int]) -> None:
        print(sum(numbers))


async def produce_by_job_type(queries: Queries) -> None:
    await queries.enqueue(SEND_MAIL, Mail(to="ann@example.org"))
    await queries.enqueue(SUM, [1, 2, 3])
    await queries.enqueue([SUM, SUM], [[4, 5], []])


def by_argument(pgq: PgQueuer) -> None:
    @pgq.entrypoint("greet", payload_type=list[str])
    async def greet(names: list[str]) -> None:
        print("Hello", *names)
