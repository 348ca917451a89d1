"""What the roles of `pgq sql grants` may do, and that they may do nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import asyncpg
import psycopg
import pytest

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.adapters.persistence.bulk import NewJob
from pgqueuer.adapters.persistence.sync_queries import SyncQueries
from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.errors import DuplicateJobError
from pgqueuer.models import Context, CronExpressionEntrypoint, Schedule
from pgqueuer.queries import Queries
from pgqueuer.types import CronEntrypoint, CronExpression
from tests.conformance import test_repositories as conformance
from tests.support.cli import pgq
from tests.support.driver_tests import asyncpg_connection
from tests.support.kernel import listening, seconds, until, working
from tests.support.open_queries import open_queries

DsnOf = Callable[[str], str]
DAY = timedelta(days=1)
TICK = CronExpressionEntrypoint(CronEntrypoint("tick"), CronExpression("* * * * *"))


@pytest.fixture
async def owner(granted_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(granted_dsn) as opened:
        yield opened


def refused(name: str) -> Callable[[Any, Queries], Awaitable[None]]:
    """A test of the suite that empties a table, which is up to its owner."""

    async def test(self: Any, repository: Queries) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await getattr(conformance.TestAsyncpgConnection, name)(self, repository)

    return test


class TestConformance(conformance.TestAsyncpgConnection):
    """The suite of stores, by a role that is a worker, a producer and may pause."""

    can_spoil_headers = False
    test_a_cleared_queue_is_told = refused("test_a_cleared_queue_is_told")
    test_statistics_of_entrypoints_can_be_cleared = refused(
        "test_statistics_of_entrypoints_can_be_cleared"
    )
    test_clear_without_entrypoint_empties_the_queue_and_logs_nothing = refused(
        "test_clear_without_entrypoint_empties_the_queue_and_logs_nothing"
    )
    test_a_canceled_or_cleared_job_frees_its_key = refused(
        "test_a_canceled_or_cleared_job_frees_its_key"
    )
    test_transitions_of_entrypoints_can_be_forgotten = refused(
        "test_transitions_of_entrypoints_can_be_forgotten"
    )

    @pytest.fixture
    async def repository(self, dsn_of: DsnOf, granted_dsn: str) -> AsyncIterator[Queries]:
        async with asyncpg_connection(dsn_of("both")) as session:
            role = await session.fetchval("SELECT current_user")
        async with asyncpg_connection(granted_dsn) as own:
            await own.execute(f'GRANT INSERT, UPDATE, DELETE ON pgqueuer_pauses TO "{role}"')
        async with AsyncExitStack() as stack:
            yield Queries(await self.connect(stack, dsn_of("both")))

    @pytest.fixture
    async def peers(self, dsn_of: DsnOf) -> AsyncIterator[list[Queries]]:
        async with AsyncExitStack() as stack:
            yield [Queries(await self.connect(stack, dsn_of("both"))) for _ in range(4)]


@pytest.mark.parametrize("driver", ["asyncpg", "pool", "psycopg"])
async def test_a_worker_does_all_its_work(owner, dsn_of, driver):
    """Claims under a limit, retries, holds, heartbeats, takeovers, schedules and folding."""
    async with open_queries(dsn_of("worker"), driver) as queries:
        pgq = PgQueuer(queries.driver, queries=queries)
        ran: list[str] = []

        @pgq.entrypoint("limited", concurrency_limit=1)
        async def limited(job: Job) -> None:
            ran.append("limited")
            await asyncio.sleep(0.2)

        @pgq.entrypoint("retried")
        async def retried(job: Job) -> None:
            ran.append("retried")
            if job.attempts == 0:
                raise RetryRequested

        @pgq.entrypoint("held", on_failure="hold")
        async def held(job: Job) -> None:
            raise ValueError

        @pgq.entrypoint("completed")
        async def completed(job: Job, context: Context) -> None:
            async with asyncpg_connection(dsn_of("worker")) as own, own.transaction():
                await context.complete_in_transaction(own)

        @pgq.entrypoint("canceled")
        async def canceled(job: Job, context: Context) -> None:
            with context.cancellation:
                await asyncio.Event().wait()

        @pgq.schedule("tick", "* * * * * *", clean_old=True)
        async def tick(schedule: Schedule) -> None:
            ran.append("tick")

        await owner.insert_schedule({TICK: DAY})
        names = ["limited", "limited", "retried", "held", "canceled", "lost", "completed"]
        ids = await owner.enqueue(names, [None] * len(names))
        await owner.driver.execute(
            "UPDATE pgqueuer SET status = 'picked', heartbeat = now() - interval '1 day'"
            " WHERE entrypoint = 'limited'"
        )
        async with working(pgq, heartbeat_timeout=seconds(0.4)):
            await listening(pgq.qm)
            await until(lambda: ran.count("limited") == 2 and ran.count("retried") == 2)
            await until(lambda: ran.count("tick") > 1)
            await owner.mark_job_as_cancelled([ids[4]])
            await until(lambda: sizes(owner, {("held", "failed"): 1, ("lost", "queued"): 1}))
        await queries.requeue_jobs([ids[3]])
        await queries.aggregate_logs()
        await queries.prune_log()
        await queries.prune_statistics()
        assert [row.entrypoint for row in await queries.peek_schedule()] == ["tick"]
        assert await queries.unaggregated_log_count() == 0


async def sizes(queries: Queries, expected: dict[tuple[str, str], int]) -> bool:
    found = {(row.entrypoint, row.status): row.count for row in await queries.queue_size()}
    return found == expected


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_producer_enqueues_in_every_way(owner, dsn_of, driver):
    async with open_queries(dsn_of("producer"), driver) as queries:
        await queries.enqueue(["job"] * 2, [b"1", b"2"], headers=[{"a": 1}, None])
        (first,) = await queries.enqueue("job", b"3", dedupe_key="key")
        with pytest.raises(DuplicateJobError):
            await queries.enqueue("job", b"4", dedupe_key="key")
        assert await queries.enqueue("job", b"5", dedupe_key="key", on_conflict="skip") == [None]
        (same,) = await queries.enqueue(
            "job", b"6", 7, dedupe_key="key", on_conflict="update_priority"
        )
        assert same == first
        assert await queries.enqueue_many([NewJob("job", b"7"), NewJob("job")]) == 2
        for conflict in ("raise", "skip"):
            await queries.driver.fetch(
                "SELECT pgqueuer_enqueue('job', 'x', dedupe_key => $1::text, on_conflict => $1)",
                conflict,
            )
    with psycopg.connect(dsn_of("producer"), autocommit=True) as connection:
        SyncQueries(SyncPsycopgDriver(connection)).enqueue("job", b"8")
    assert sum(row.count for row in await owner.queue_size()) == 8
    assert len(await owner.queue_log()) == 8


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_reader_sees_every_report(owner, dsn_of, driver):
    (job_id,) = await owner.enqueue("job", b"payload", headers={"a": 1})
    await owner.insert_schedule({TICK: DAY})
    async with open_queries(dsn_of("reader"), driver) as queries:
        assert (await queries.browse_queue())[0].payload == b"payload"
        assert await queries.queue_job_by_id(job_id)
        assert await queries.list_failed_jobs() == []
        assert len(await queries.queue_log()) == len(await queries.job_log_history(job_id)) == 1
        assert await queries.exception_logs() == []
        assert await queries.failure_groups(DAY) == []
        assert await queries.latency_timeseries(DAY, DAY) == []
        assert len(await queries.browse_queue(search="payload")) == 1
        assert (await queries.queue_age())[0].queued_count == 1
        assert await queries.stale_jobs(timedelta(0)) == await queries.active_workers() == []
        assert await queries.job_duration_percentiles(DAY) == []
        assert len(await queries.log_statistics(None)) == 1
        assert len(await queries.throughput_summary()) == 1
        assert len(await queries.throughput_timeseries(DAY)) == 1
        assert await queries.unaggregated_log_count() == 1
        assert (await queries.job_status([job_id]))[0].status == "queued"
        assert len(await queries.schema_info()) == 5
        assert len(await queries.peek_schedule()) == 1
        assert (await queries.job_ends()).job_ids == []
        assert await queries.verify() == []


WRITES = {
    "pgqueuer": "priority = 1",
    "pgqueuer_log": "entrypoint = 'forged'",
    "pgqueuer_statistics": "count = 1",
    "pgqueuer_schedules": "next_run = now()",
    "pgqueuer_pauses": "reason = 'forged'",
}
CLAIM = "UPDATE pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid()"
FORBIDDEN = {
    "producer": [
        "SELECT payload FROM pgqueuer",
        "SELECT headers FROM pgqueuer",
        "SELECT * FROM pgqueuer",
        "INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'queued')"
        " RETURNING payload",
        "INSERT INTO pgqueuer (priority, entrypoint, status, slot) VALUES (0, 'x', 'queued', 9)",
        CLAIM,
        "UPDATE pgqueuer SET payload = 'x'",
        "DELETE FROM pgqueuer",
        "SELECT * FROM pgqueuer_log",
        "DELETE FROM pgqueuer_log",
        "SELECT * FROM pgqueuer_statistics",
        "SELECT * FROM pgqueuer_schedules",
        "SELECT * FROM pgqueuer_pauses",
        "DELETE FROM pgqueuer_pauses",
        "INSERT INTO pgqueuer_schedules (expression, entrypoint) VALUES ('* * * * *', 'x')",
    ],
    "worker": [
        "INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'queued')",
        "SELECT pgqueuer_enqueue('x')",
        "UPDATE pgqueuer SET payload = 'x'",
        "UPDATE pgqueuer SET entrypoint = 'x'",
        "UPDATE pgqueuer SET headers = '{}'",
        "UPDATE pgqueuer_log SET entrypoint = 'x'",
        "UPDATE pgqueuer_schedules SET expression = 'x'",
        "UPDATE pgqueuer_statistics SET entrypoint = 'x'",
        "INSERT INTO pgqueuer_pauses (entrypoint) VALUES ('x')",
        "DELETE FROM pgqueuer_pauses",
    ],
    "reader": [
        *(f"UPDATE {table} SET {change}" for table, change in WRITES.items()),
        *(f"DELETE FROM {table}" for table in WRITES),
        *(f"SELECT * FROM {table} FOR UPDATE" for table in WRITES),
        "INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'queued')",
        "INSERT INTO pgqueuer_log (job_id, priority, entrypoint, status)"
        " VALUES (1, 0, '', 'picked')",
        "SELECT pgqueuer_enqueue('x')",
        "SELECT nextval('pgqueuer_id_seq')",
        CLAIM,
    ],
}
FOR_NOBODY = [
    *(f"TRUNCATE {table}" for table in WRITES),
    *(f"DROP TABLE {table}" for table in WRITES),
    *(f"ALTER TABLE {table} ADD COLUMN x int" for table in WRITES),
    "CREATE TABLE public.x ()",
    "ALTER TYPE pgqueuer_status ADD VALUE 'x'",
    "CREATE OR REPLACE FUNCTION fn_pgqueuer_changed() RETURNS trigger LANGUAGE sql AS ''",
    "DROP TRIGGER tg_pgqueuer_changed ON pgqueuer",
    "SELECT setval('pgqueuer_id_seq', 1)",
    "CREATE TRIGGER x AFTER INSERT ON pgqueuer EXECUTE FUNCTION fn_pgqueuer_changed()",
]


@pytest.mark.parametrize("part", FORBIDDEN)
async def test_a_role_is_refused_what_it_does_not_need(dsn_of, part):
    connection = await asyncpg.connect(dsn_of(part))
    allowed = []
    try:
        for statement in (*FORBIDDEN[part], *FOR_NOBODY):
            try:
                await connection.execute(statement)
                allowed.append(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
    finally:
        await connection.close()
    assert allowed == []


async def test_operators_rights_are_not_in_the_roles(dsn_of):
    async with open_queries(dsn_of("both")) as queries:
        for refused in (queries.clear_queue(), queries.clear_queue_log(), queries.uninstall()):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await refused


@pytest.mark.parametrize("part", ["producer", "worker", "reader"])
def test_the_doctor_says_what_a_role_may_not_look_at(dsn_of, part):
    told = pgq("doctor", "--json", dsn=dsn_of(part))
    findings = {row["check"]: row for row in json.loads(told.stdout)}
    assert {check: row for check, row in findings.items() if row["status"] == "fail"} == {}
    skipped = {check for check, row in findings.items() if row["status"] == "skip"}
    assert skipped == ({"log", "leases"} if part == "producer" else set())
    assert told.code == 0


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_the_command_makes_roles_that_may_exist_already(granted, granted_dsn, driver):
    options = [f"--{part}={name}" for part, name in granted.roles.items() if part != "both"]
    for _ in range(2):
        done = pgq("sql", "grants", *options, "--apply", "--driver", driver, dsn=granted_dsn)
        assert (done.code, done.stdout) == (0, "")
        assert f"The role {granted.roles['worker']} has what a worker needs." in done.stderr


def test_the_script_serves_a_schema_and_a_prefix_of_its_own(dsn, pg):
    where = ("--prefix", "Acme_", "--schema", "tenant")
    assert pgq(*where, "install", dsn=dsn).code == 0
    role = f"pgqtest-{pg.prefix()}-Tenant"
    names = [f"--{part}={role}" for part in ("producer", "worker", "reader")]
    script = pgq(*where, "sql", "grants", *names)
    assert script.code == 0
    try:
        with psycopg.connect(dsn, autocommit=True) as admin:
            for _ in range(2):
                admin.execute(script.stdout)
        as_role = f"{dsn}{'&' if '?' in dsn else '?'}options=-crole%3D{role}"
        queued = pgq(*where, "queue", "job", "payload", dsn=as_role)
        assert (queued.code, queued.stderr) == (0, "")
        assert pgq(*where, "dashboard", dsn=as_role).code == 0
    finally:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
