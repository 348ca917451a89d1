"""What the doctor finds in databases that are well, and in those that are not."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from pgqueuer.adapters.doctor import Finding, Limits, Patient, examine_database
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import utc_now
from pgqueuer.domain.settings import DBSettings, Durability
from tests.support.open_queries import open_queries
from tests.support.pgbouncer import pgbouncer
from tests.support.waiting import wait_until

EVERY_CHECK = [
    "connection",
    "version",
    "clock",
    "connections",
    "pooler",
    "listening",
    "schema",
    "drift",
    "durability",
    "autovacuum",
    "transactions",
    "log",
    "leases",
]


def run(dsn: str, statement: str, *args: object) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement, args or None)


@asynccontextmanager
async def two(
    dsn: str, driver: str = "asyncpg", settings: DBSettings | None = None
) -> AsyncIterator[tuple[Queries, Queries]]:
    async with AsyncExitStack() as stack:
        queries = await stack.enter_async_context(open_queries(dsn, driver, settings))
        other = await stack.enter_async_context(open_queries(dsn, driver, settings))
        await stack.enter_async_context(queries.driver)
        await stack.enter_async_context(other.driver)
        yield queries, other


async def examine(
    dsn: str,
    driver: str = "asyncpg",
    settings: DBSettings | None = None,
    limits: Limits | None = None,
) -> list[Finding]:
    async with two(dsn, driver, settings) as (queries, other):
        patient = Patient(queries=queries, other=other, limits=limits or Limits())
        return [finding async for finding in examine_database(patient)]


def of(findings: list[Finding], check: str) -> Finding:
    """The only finding of a check."""
    [found] = [finding for finding in findings if finding.check == check]
    return found


def not_ok(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.status != "ok"]


@pytest.mark.parametrize("driver", ["asyncpg", "pool", "psycopg"])
async def test_a_healthy_queue_is_ok_in_every_respect(queue_dsn, driver):
    findings = await examine(queue_dsn, driver)
    assert [finding.check for finding in findings] == EVERY_CHECK
    assert not not_ok(findings), findings
    assert all(finding.remedy is None for finding in findings)
    assert of(findings, "pooler").message == "none: the connection is direct"


async def test_an_empty_database_lacks_the_schema_and_the_rest_is_not_checked(dsn):
    findings = await examine(dsn)
    schema = of(findings, "schema")
    assert (schema.status, schema.remedy) == ("fail", "run 'pgq install'")
    skipped = [finding.check for finding in findings if finding.status == "skip"]
    assert skipped == ["drift", "durability", "autovacuum", "log", "leases"]


async def test_a_wrong_prefix_is_told_with_the_one_that_is_there(queue_dsn):
    schema = of(await examine(queue_dsn, settings=DBSettings(prefix="acme_")), "schema")
    assert schema.status == "fail"
    assert "nothing is installed with prefix 'acme_'" in schema.message
    assert "prefix '' in the schema 'public'" in schema.message
    assert "PGQUEUER_PREFIX" in str(schema.remedy)


@pytest.mark.parametrize(
    ("damage", "message", "remedy"),
    [
        (
            "DROP TRIGGER tg_pgqueuer_changed ON pgqueuer",
            "missing trigger 'tg_pgqueuer_changed'",
            "run: pgq upgrade",
        ),
        (
            "ALTER TABLE pgqueuer DROP COLUMN takeovers",
            "missing column 'pgqueuer.takeovers'",
            "run: pgq upgrade",
        ),
        (
            "ALTER TABLE pgqueuer DISABLE TRIGGER tg_pgqueuer_changed",
            "disabled trigger 'tg_pgqueuer_changed'",
            "ENABLE TRIGGER",
        ),
    ],
)
async def test_drift_is_told_with_what_mends_it(queue_dsn, damage, message, remedy):
    run(queue_dsn, damage)
    found = [one for one in await examine(queue_dsn) if one.check == "drift"]
    assert {one.status for one in found} == {"fail"}
    assert message in [one.message for one in found]
    assert all(remedy in str(one.remedy) for one in found if one.message == message)


async def test_what_needs_a_column_that_is_missing_is_not_checked(queue_dsn):
    run(queue_dsn, "ALTER TABLE pgqueuer DROP COLUMN heartbeat CASCADE")
    findings = await examine(queue_dsn)
    assert of(findings, "leases").status == "skip"
    assert "fail" in {one.status for one in findings if one.check == "drift"}


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_an_old_transaction_is_told_with_its_process(queue_dsn, driver):
    limits = Limits(transaction_age=timedelta(0))
    with psycopg.connect(queue_dsn, application_name="batch") as connection:
        connection.execute("INSERT INTO pgqueuer_statistics SELECT FROM pgqueuer_statistics")
        pid = connection.info.backend_pid
        young = await examine(queue_dsn, driver)
        found = of(await examine(queue_dsn, driver, limits=limits), "transactions")
    assert of(young, "transactions").status == "ok"
    assert found.status == "warn"
    assert f"session {pid} (" in found.message
    assert "batch, idle in transaction" in found.message
    assert f"pg_terminate_backend({pid})" in str(found.remedy)
    assert of(await examine(queue_dsn, limits=limits), "transactions").status == "ok"


async def test_a_transaction_that_holds_many_others_is_told_whatever_its_age(queue_dsn):
    with psycopg.connect(queue_dsn) as connection:
        connection.execute("SELECT pg_current_xact_id()")
        run(queue_dsn, "DELETE FROM pgqueuer_log; SELECT pg_current_xact_id()")
        found = of(await examine(queue_dsn, limits=Limits(transactions_held=0)), "transactions")
    assert found.status == "warn"
    assert "and holds dead rows of " in found.message


async def test_unlogged_tables_are_told_unless_they_are_wanted(queue_dsn):
    run(queue_dsn, "ALTER TABLE pgqueuer_log SET UNLOGGED")
    found = of(await examine(queue_dsn), "durability")
    assert found.status == "warn"
    assert "empties pgqueuer_log (unlogged)" in found.message.replace('"', "")
    wanted = DBSettings(durability=Durability.balanced)
    meant = of(await examine(queue_dsn, settings=wanted), "durability")
    assert meant.status == "ok"
    assert meant.message.startswith("balanced, as set")


async def test_a_table_without_autovacuum_fails(queue_dsn):
    run(queue_dsn, "ALTER TABLE pgqueuer SET (autovacuum_enabled = off)")
    found = of(await examine(queue_dsn), "autovacuum")
    assert found.status == "fail"
    assert "RESET (autovacuum_enabled)" in str(found.remedy)


async def test_tables_that_were_tuned_are_told_so(queue_dsn):
    async with open_queries(queue_dsn) as queries:
        await queries.optimize_autovacuum()
    assert "on, tuned" in of(await examine(queue_dsn), "autovacuum").message


def dead_rows(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pg_stat_get_dead_tuples('pgqueuer'::regclass)").fetchone()
    assert row is not None
    return int(row[0])


async def test_more_dead_rows_than_live_ones_are_told(queue_dsn):
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE pgqueuer SET (autovacuum_vacuum_threshold = 1000000)")
        connection.execute(
            "INSERT INTO pgqueuer (priority, status, entrypoint)"
            " SELECT 0, 'queued', 'mail' FROM generate_series(1, 100)"
        )
        connection.execute("DELETE FROM pgqueuer")
    # The server counts when the session has ended, up to PostgreSQL 14 in another process.
    wait_until(lambda: dead_rows(queue_dsn) == 100, "the dead rows were counted")
    found = of(await examine(queue_dsn, limits=Limits(dead_rows=10)), "autovacuum")
    assert found.status == "warn"
    assert "100 dead rows and 0 live ones" in found.message
    assert "pgq autovac" in str(found.remedy)


async def test_a_log_that_nobody_folds_is_told(queue_dsn):
    async with open_queries(queue_dsn) as queries:
        await queries.enqueue(["mail"] * 3, [None] * 3, [0] * 3)
        pending = of(await examine(queue_dsn, limits=Limits(log_rows_pending=2)), "log")
        assert pending.status == "warn"
        assert "more than 2 rows are not in the statistics" in pending.message
        await queries.aggregate_logs()
    findings = await examine(queue_dsn, limits=Limits(log_rows_pending=2))
    assert of(findings, "log").status == "ok"
    large = of(await examine(queue_dsn, limits=Limits(log_bytes=1)), "log")
    assert large.message.startswith("the log takes ")


async def test_picked_jobs_of_a_silent_worker_are_told(queue_dsn):
    run(
        queue_dsn,
        "INSERT INTO pgqueuer (priority, status, entrypoint, queue_manager_id, heartbeat)"
        " VALUES (0, 'picked', 'mail', %s, now() - interval '1 hour')",
        uuid.uuid4(),
    )
    found = of(await examine(queue_dsn), "leases")
    assert found.status == "warn"
    assert found.message == "1 picked job without a heartbeat for 5 min 0 s: mail"


async def test_clocks_that_differ_are_told(queue_dsn):
    async with two(queue_dsn) as (queries, other):
        for shift, word in ((timedelta(hours=1), "behind"), (-timedelta(hours=1), "ahead of")):
            patient = Patient(queries=queries, other=other, now=lambda by=shift: utc_now() + by)
            found = of([one async for one in examine_database(patient)], "clock")
            assert found.status == "warn"
            assert word in found.message


async def test_a_server_that_is_far_away_or_full_is_told(queue_dsn):
    limits = Limits(latency=timedelta(0), connections_used=0.0)
    findings = await examine(queue_dsn, limits=limits)
    assert not_ok(findings) == ["connection", "connections"]
    assert "round trip" in of(findings, "connection").message


async def test_a_connection_that_may_only_read_fails(queue_dsn):
    findings = await examine(
        f"{queue_dsn}&options=-c%20default_transaction_read_only%3Don", "psycopg"
    )
    found = of(findings, "connection")
    assert found.status == "fail"
    assert "takes no writes (default_transaction_read_only is on)" in found.message


async def test_a_locked_table_does_not_hold_the_report_up(queue_dsn):
    with psycopg.connect(queue_dsn) as connection:
        connection.execute("LOCK TABLE pgqueuer_log IN ACCESS EXCLUSIVE MODE")
        findings = await examine(queue_dsn, limits=Limits(check=timedelta(seconds=1)))
    found = of(findings, "log")
    assert found.status == "fail"
    assert found.message == "no answer within 1 s"
    assert of(findings, "leases").status == "ok"


async def test_without_a_second_connection_listening_is_not_proven(queue_dsn):
    async with open_queries(queue_dsn) as queries, queries.driver:
        findings = [one async for one in examine_database(Patient(queries=queries))]
    assert not_ok(findings) == ["listening"]
    assert of(findings, "listening").status == "warn"


async def test_a_role_without_rights_gets_a_report(queue_dsn, pg):
    role = f"doctor_{uuid.uuid4().hex[:8]}"
    pg.execute("CREATE ROLE {} LOGIN", role)
    try:
        findings = await examine(queue_dsn.replace("//pgqueuer@", f"//{role}@"))
    finally:
        pg.execute("DROP ROLE {}", role)
    assert of(findings, "connection").message.partition(" as ")[2].startswith(role)
    assert of(findings, "log").status == "skip"
    assert "ermission denied" in of(findings, "log").message


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_pooler_in_transaction_mode_fails(queue_dsn, driver):
    with pgbouncer(queue_dsn, "transaction") as through:
        findings = await examine(through, driver, limits=Limits(notification=timedelta(seconds=1)))
    found = of(findings, "pooler")
    assert found.status == "fail", findings
    assert "pool_mode=session" in str(found.remedy)


@pytest.mark.parametrize("driver", ["asyncpg", "pool", "psycopg"])
async def test_a_pooler_in_session_mode_is_told_and_fine(queue_dsn, driver):
    with pgbouncer(queue_dsn, "session") as through:
        findings = await examine(through, driver)
    assert of(findings, "pooler").message == "a pooler is in between and keeps sessions"
    assert not not_ok(findings), findings
