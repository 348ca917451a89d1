"""Rows that were written by hand or by another program spoil nothing but themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from pgqueuer import Job, PgQueuer, RetryRequested, SchedulerManager
from pgqueuer.models import Schedule
from pgqueuer.queries import Queries
from tests.support.kernel import seconds, until, working
from tests.support.open_queries import open_queries

AGES = timedelta(days=365_000)
TIMES = ("infinity", "-infinity", "294276-12-31", "4713-01-01 BC", "10000-01-01", "0001-01-01")
DEEP = "[" * 3000 + "]" * 3000

RUN: dict[str, dict[str, Any]] = {
    **{f"created {time}": {"created": time} for time in TIMES},
    **{f"updated {time}": {"updated": time, "heartbeat": time} for time in TIMES},
    "due since ever": {"execute_after": "-infinity"},
    "due since 4713 BC": {"execute_after": "4713-01-01 BC"},
    "the highest priority": {"priority": 2**31 - 1},
    "the lowest priority": {"priority": -(2**31)},
    "no payload": {"payload": None},
    "JSON null as headers": {"headers": "null"},
    "headers with large numbers": {"headers": '{"a": 1e400, "b": -0.0, "c": 1e-400}'},
    "the most attempts": {"attempts": 2**31 - 1},
    "fewer than no attempts": {"attempts": -(2**31)},
    "fewer than no takeovers": {"takeovers": -(2**31)},
    "an owner that it should not have": {"queue_manager_id": "0" * 32},
    "a seat that it should not have": {"slot": -(2**63)},
    "the lowest id": {"id": -(2**63)},
    "the highest id": {"id": 2**63 - 1},
}
PARKED: dict[str, dict[str, Any]] = {
    "an array as headers": {"headers": "[1]"},
    "a string as headers": {"headers": '"text"'},
    "a number as headers": {"headers": "1"},
    "headers nested too deeply": {"headers": f'{{"a": {DEEP}}}'},
}
WAIT: dict[str, dict[str, Any]] = {
    **{f"due {time}": {"execute_after": time} for time in ("infinity", "294276-12-31")},
    "of an entrypoint that nobody has": {"entrypoint": "'; DROP TABLE pgqueuer; --\n\u202e"},
    "without a name": {"entrypoint": ""},
    "done already": {"status": "successful"},
    "deleted already": {"status": "deleted"},
    "picked by nobody": {"status": "picked", "heartbeat": "infinity"},
    "picked in a far year": {
        "status": "picked", "heartbeat": "294276-12-31", "queue_manager_id": "1" * 32, "slot": 0,
    },
}  # fmt: skip


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn, request.param) as opened:
        yield opened


@pytest.fixture
async def stranger(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def write(stranger: asyncpg.Connection, table: str, row: dict[str, Any]) -> None:
    """Insert what is given, as PostgreSQL reads it from text."""
    texts = {name: None if value is None else str(value) for name, value in row.items()}
    values = ", ".join("NULL" if text is None else quoted(text) for text in texts.values())
    await stranger.execute(f"INSERT INTO {table} ({', '.join(texts)}) VALUES ({values})")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def job(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    usual = {"entrypoint": "job", "priority": 0, "status": "queued", "payload": name}
    return usual | changes


async def test_the_worker_runs_what_can_be_read_and_parks_the_rest(queries, stranger):
    pgq = PgQueuer(queries.driver, queries=queries)
    ran: list[bytes | None] = []

    @pgq.entrypoint("job")
    async def handle(job: Job) -> None:
        ran.append(job.payload)

    for name, changes in (WAIT | RUN | PARKED).items():
        await write(stranger, "pgqueuer", job(name, changes))
    async with working(pgq, heartbeat_timeout=seconds(0.5)) as worker:
        await until(lambda: len(ran) == len(RUN))
        await queries.enqueue("job", b"one more")
        await until(lambda: b"one more" in ran)
        await until(lambda: held(queries, "failed", len(PARKED)))
        assert not worker.done()
    assert {each or b"no payload" for each in ran} == {name.encode() for name in RUN} | {
        b"one more"
    }
    parked = await queries.list_failed_jobs()
    assert {job.payload for job in parked} == {name.encode() for name in PARKED}
    reasons = [row.traceback for row in await queries.queue_log() if row.status == "failed"]
    assert [reason and reason.exception_type for reason in reasons] == ["UnreadableJob"] * len(
        PARKED
    )
    left = await stranger.fetch("SELECT payload FROM pgqueuer WHERE status <> 'failed'")
    assert {row["payload"] for row in left} == {name.encode() for name in WAIT}


async def held(queries: Queries, status: str, count: int) -> bool:
    return sum(row.count for row in await queries.queue_size() if row.status == status) == count


async def test_a_count_that_is_full_stops_no_takeover_and_no_retry(queries, stranger):
    pgq = PgQueuer(queries.driver, queries=queries)
    ran: list[int] = []

    @pgq.entrypoint("job", max_takeovers=2**31 - 1)
    async def handle(job: Job) -> None:
        ran.append(job.attempts)
        if len(ran) == 1:
            raise RetryRequested

    full = {"status": "picked", "attempts": 2**31 - 1, "takeovers": 2**31 - 1}
    await write(stranger, "pgqueuer", job("x", full | {"heartbeat": "-infinity"}))
    async with working(pgq, heartbeat_timeout=seconds(0.5)):
        await until(lambda: len(ran) == 2 or held(queries, "failed", 1))
    assert ran in ([2**31 - 1] * 2, [])


async def test_every_report_can_be_made(queries, stranger):
    for name, changes in (WAIT | RUN | PARKED).items():
        await write(stranger, "pgqueuer", job(name, changes))
        held = {"status": "failed", "payload": name}
        await write(
            stranger, "pgqueuer", job(name, {k: v for k, v in changes.items() if k != "id"} | held)
        )
    for number, time in enumerate(TIMES):
        for status in ("queued", "picked", "successful", "exception", "failed"):
            row = {"job_id": number, "status": status, "priority": 0, "entrypoint": "';"}
            await write(stranger, "pgqueuer_log", row | {"created": time})
    strange = {"job_id": 99, "status": "exception", "priority": 0, "entrypoint": ""}
    for traceback in ("1", "[]", "{}", "null", f'{{"job_id": {DEEP}}}', '{"timestamp": "never"}'):
        await write(stranger, "pgqueuer_log", strange | {"traceback": traceback})
    await write(stranger, "pgqueuer_log", strange | {"aggregated": None})

    jobs = len(WAIT | RUN | PARKED)
    assert len(await queries.browse_queue(limit=1000)) == 2 * jobs
    assert len(await queries.list_failed_jobs(limit=1000)) == jobs
    assert len(await queries.queue_log()) == len(TIMES) * 5 + 7
    assert len(await queries.job_log_history(99)) == 7
    assert len(await queries.exception_logs()) == len(TIMES) + 7
    assert {row.entrypoint for row in await queries.queue_age()} >= {"job", ""}
    assert await queries.stale_jobs(timedelta(0))
    assert len(await queries.active_workers()) == 1
    assert await queries.job_duration_percentiles(AGES)
    for last in (None, timedelta(days=1)):
        assert await queries.throughput_summary(last)
        assert await queries.log_statistics(None, last)
    assert await queries.throughput_timeseries(timedelta(days=1))
    assert await queries.latency_timeseries(timedelta(days=1), timedelta(minutes=1))
    groups = await queries.failure_groups(timedelta(days=1))
    assert sum(group.count for group in groups) >= jobs
    assert len(await queries.browse_queue(limit=1000, search="$$")) == 0
    assert len(await queries.log_statistics(None)) == len(TIMES) * 5 + 1
    assert await queries.queue_job_by_id(2**63 - 1)
    assert await queries.prune_log()
    assert await queries.prune_statistics()


@pytest.mark.parametrize("time", TIMES[:3])
async def test_a_scheduler_goes_on_beside_schedules_that_somebody_wrote(queries, stranger, time):
    manager = SchedulerManager(queries)
    ran: list[str] = []
    columns = ("heartbeat", "created", "updated", "next_run", "last_run", "due", "paused_next_run")

    async def run(schedule: Schedule) -> None:
        ran.append(schedule.entrypoint)

    manager.schedule("good", "* * * * * *")(run)
    rows = [{"entrypoint": column, column: time} for column in columns]
    rows += [{"entrypoint": "picked", "status": "picked", "heartbeat": time}]
    rows += [{"entrypoint": "no status", "status": None, "last_run": time}]
    for row in rows:
        manager.schedule(str(row["entrypoint"]), "* * * * * *")(run)
        await write(stranger, "pgqueuer_schedules", {"expression": "* * * * * *"} | row)
    for row in ({"expression": "no cron"}, {"expression": "99 99 * * *", "next_run": time}):
        await write(stranger, "pgqueuer_schedules", {"entrypoint": "bad", "status": "failed"} | row)
    in_future = time in ("infinity", "294276-12-31", "10000-01-01")
    waiting = {"paused_next_run"} | ({"next_run"} if in_future else set())
    wanted = {"good", *(str(row["entrypoint"]) for row in rows)} - waiting
    async with working(manager):
        await until(lambda: set(ran) >= wanted and ran.count("good") >= 2)
    assert set(ran) == wanted
    assert len(await queries.peek_schedule()) == len(rows) + 3
