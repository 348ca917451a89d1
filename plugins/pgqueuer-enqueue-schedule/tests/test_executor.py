from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from pgqueuer import Job, PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Schedule, ScheduleContext
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode


def tick(**changes: object) -> Schedule:
    at = "2030-01-01T06:00:00Z"
    row = {"id": 1, "expression": "0 6 * * *", "heartbeat": at, "created": at, "updated": at}
    row |= {"next_run": "2030-01-02T06:00:00Z", "due": at, "status": "picked"}
    return Schedule.model_validate(row | {"entrypoint": "report"} | changes)


def schedule(pgq: PgQueuer, func, **options: object):
    pgq.schedule("report", "0 6 * * *", executor="enqueue", executor_options=options)(func)
    (executor,) = pgq.sm.registry.values()
    return executor


def context_of(pgq: PgQueuer, **resources: object) -> ScheduleContext:
    return ScheduleContext(resources, enqueuer=pgq.sm.queries)


async def done(pgq: PgQueuer, name: str = "report") -> list[Job]:
    jobs: list[Job] = []

    @pgq.entrypoint(name)
    async def take(job: Job) -> None:
        jobs.append(job)

    await pgq.run(mode=QueueExecutionMode.drain)
    return jobs


async def daily(schedule: Schedule) -> bytes:
    return b"daily"


async def nothing(schedule: Schedule) -> None: ...


@dataclass
class Order:
    number: int


async def order(schedule: Schedule) -> Order:
    return Order(3)


async def text(schedule: Schedule) -> str:
    return "text"


async def test_a_tick_makes_a_job_with_the_payload_that_the_function_returns():
    pgq = PgQueuer.in_memory()
    await schedule(pgq, daily).execute(tick(), context_of(pgq))

    (job,) = await done(pgq)
    assert job.payload == b"daily"
    origin = job.header_section("schedule")
    assert origin is not None
    assert (origin["name"], origin["expression"]) == ("report", "0 6 * * *")
    assert str(origin["due"]).startswith("2030-01-01T06:00:00")


async def test_the_job_goes_where_it_is_sent():
    pgq = PgQueuer.in_memory()
    executor = schedule(pgq, nothing, entrypoint="other", priority=7)
    await executor.execute(tick(), context_of(pgq))

    (job,) = await done(pgq, "other")
    assert (job.payload, job.priority) == (None, 7)


async def test_a_tick_that_runs_again_makes_no_second_job_and_the_next_one_does():
    pgq = PgQueuer.in_memory()
    executor = schedule(pgq, nothing)
    await executor.execute(tick(), context_of(pgq))
    await executor.execute(tick(), context_of(pgq))
    await executor.execute(tick(due="2030-01-02T06:00:00Z"), context_of(pgq))

    assert len(await done(pgq)) == 2


async def test_the_function_gets_the_context_that_it_wants():
    pgq = PgQueuer.in_memory()

    async def with_context(schedule: Schedule, context: ScheduleContext) -> bytes:
        return context.resources["payload"]

    await schedule(pgq, with_context).execute(tick(), context_of(pgq, payload=b"given"))
    (job,) = await done(pgq)
    assert job.payload == b"given"


async def test_the_payload_may_be_an_object_that_the_queue_takes():
    pgq = PgQueuer.in_memory()
    await schedule(pgq, order).execute(tick(), context_of(pgq))
    (job,) = await done(pgq)
    assert job.payload == b'{"number":3}'


async def test_what_is_no_payload_fails_the_tick():
    pgq = PgQueuer.in_memory()
    with pytest.raises(TypeError, match="payload"):
        await schedule(pgq, text).execute(tick(), context_of(pgq))


async def test_a_job_that_is_refused_for_a_while_is_enqueued_later(queue_dsn, caplog):
    connection = await asyncpg.connect(queue_dsn)
    try:
        pgq = PgQueuer(AsyncpgDriver(connection))
        await connection.execute("alter table pgqueuer rename to away")

        async def comes_back(schedule: Schedule) -> None: ...

        executor = schedule(pgq, comes_back)
        refused = caplog.handler
        emit = refused.emit

        def back_after_the_first_refusal(record):
            emit(record)
            bring_back.set()

        bring_back = asyncio.Event()
        refused.emit = back_after_the_first_refusal
        running = asyncio.create_task(executor.execute(tick(), context_of(pgq)))
        await bring_back.wait()
        await connection.execute("alter table away rename to pgqueuer")
        await running

        assert len(await done(pgq)) == 1
    finally:
        await connection.close()


async def test_without_patience_a_refusal_fails_the_tick(queue_dsn):
    connection = await asyncpg.connect(queue_dsn)
    try:
        pgq = PgQueuer(AsyncpgDriver(connection))
        await connection.execute("alter table pgqueuer rename to away")
        executor = schedule(pgq, nothing, patience=timedelta(0))
        with pytest.raises(asyncpg.UndefinedTableError):
            await executor.execute(tick(), context_of(pgq))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("entrypoint", "", ValueError),
        ("patience", 3, ValueError),
        ("patience", timedelta(-1), ValueError),
    ],
)
def test_an_option_that_can_not_work_is_refused_at_once(option, value, error):
    with pytest.raises(error, match=option):
        schedule(PgQueuer.in_memory(), nothing, **{option: value})


WORKER = """
from contextlib import asynccontextmanager

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.schedule("report", "* * * * * *", executor="enqueue")
        async def due(schedule):
            return b"every second"

        @pgq.entrypoint("report")
        async def report(job):
            print(job.payload.decode(), flush=True)
            pgq.shutdown.set()

        yield pgq
"""


async def test_a_worker_runs_the_job_of_a_tick(queue_dsn, tmp_path: Path):
    (tmp_path / "app.py").write_text(WORKER)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "pgqueuer", "run", "app:main"],
        env={**os.environ, "PGDSN": queue_dsn},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "every second" in done.stdout

    connection = await asyncpg.connect(queue_dsn)
    try:
        log = await Queries(AsyncpgDriver(connection)).queue_log()
        assert "successful" in {row.status for row in log if row.entrypoint == "report"}
    finally:
        await connection.close()
