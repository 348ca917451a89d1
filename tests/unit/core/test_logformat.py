"""Lines of the log that say which job they belong to."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
from collections.abc import Iterator
from datetime import datetime

import pytest

from pgqueuer import PgQueuer
from pgqueuer.logs import JobFilter, JsonFormatter, PlainFormatter
from pgqueuer.models import Job, Schedule
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import until, working


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def handler(stream: io.StringIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.addFilter(JobFilter())
    handler.setFormatter(JsonFormatter())
    return handler


@pytest.fixture
def log(handler: logging.Handler) -> Iterator[logging.Logger]:
    log = logging.getLogger("tests.shop")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield log
    log.removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def drained(pgq: PgQueuer) -> None:
    await pgq.run(mode=QueueExecutionMode.drain)


async def test_what_a_handler_logs_carries_its_job(log, stream):
    pgq = PgQueuer.in_memory()

    def helper() -> None:
        log.info("from %s", "a thread")

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        log.info("in the handler")
        await asyncio.gather(asyncio.to_thread(helper))

    @pgq.entrypoint("resize", executor="thread")
    def resize(job: Job) -> None:
        helper()

    ids = await pgq.queries.enqueue(["mail", "resize"], [None, None], [1, 0])
    await drained(pgq)
    log.info("outside")
    found = {(line["message"], line["job_id"], line["entrypoint"]) for line in lines(stream)}
    assert found == {
        ("in the handler", ids[0], "mail"),
        ("from a thread", ids[0], "mail"),
        ("from a thread", ids[1], "resize"),
        ("outside", None, None),
    }


async def test_what_a_schedule_logs_carries_its_name(log, stream):
    pgq = PgQueuer.in_memory()

    @pgq.schedule("report", "* * * * * *")
    async def report(schedule: Schedule) -> None:
        log.info("ticked")

    async with working(pgq):
        await until(lambda: bool(stream.getvalue()))
    line = lines(stream)[0]
    assert (line["job_id"], line["entrypoint"]) == (None, "report")


async def test_a_line_for_people_ends_with_the_job(log, stream, handler):
    handler.setFormatter(PlainFormatter())
    pgq = PgQueuer.in_memory()

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        log.info("sent")

    (job_id,) = await pgq.queries.enqueue("mail", None)
    await drained(pgq)
    log.info("outside")
    inside, outside = stream.getvalue().splitlines()
    assert inside.endswith(f"+00:00 [tests.shop] INFO: sent [mail {job_id}]")
    assert outside.endswith("+00:00 [tests.shop] INFO: outside")


def test_a_line_of_json_has_time_level_logger_and_what_was_added(log, stream):
    log.warning("lost\n%s", "two", extra={"customer": 5, "message_id": "a"})
    (line,) = lines(stream)
    assert next(iter(line)) == "time"
    assert datetime.fromisoformat(line.pop("time")).utcoffset().total_seconds() == 0
    assert line == {
        "level": "WARNING",
        "logger": "tests.shop",
        "message": "lost\ntwo",
        "job_id": None,
        "entrypoint": None,
        "customer": 5,
        "message_id": "a",
    }


def test_a_record_that_names_a_job_keeps_it(log, stream):
    log.info("about another", extra={"job_id": 7, "entrypoint": "mail"})
    (line,) = lines(stream)
    assert (line["job_id"], line["entrypoint"]) == (7, "mail")


def test_an_exception_is_one_line(log, stream):
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("failed", stack_info=True)
    (line,) = lines(stream)
    assert line["exception"].endswith("ValueError: no")
    assert line["stack"].startswith("Stack (most recent call last)")


def circle() -> list:
    found: list = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "value", [object(), math.nan, {(1, 2): 3}, circle(), "\ud800", b"\x00", {1, 2}]
)
def test_whatever_is_added_the_line_is_json(log, stream, value):
    log.info("odd %s", "\ud800\n", extra={"value": value})
    stream.getvalue().encode()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert "value" in json.loads(text, parse_constant=pytest.fail)
