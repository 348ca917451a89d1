"""`pgq install`, `upgrade`, `uninstall`, `verify`, `durability`, `autovac` and `sql`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.support.cli import pgq


def run_sql(dsn: str, script: str) -> None:
    """Run a script as psql does: one statement a transaction."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script)


def persistence(dsn: str) -> dict[str, str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT relname, relpersistence FROM pg_class"
            " WHERE relkind = 'r' AND relname LIKE '%pgqueuer%'"
        ).fetchall()
    return {name: str(kind) for name, kind in rows}


def test_install_verify_uninstall(dsn):
    assert pgq("verify", "--expect", "absent", dsn=dsn).code == 0
    installed = pgq("install", dsn=dsn)
    assert (installed.code, installed.stdout) == (0, "")
    assert installed.stderr == "Installed PgQueuer schema (durability=durable).\n"
    assert pgq("verify", "--expect", "present", dsn=dsn).code == 0
    removed = pgq("uninstall", dsn=dsn)
    assert (removed.code, removed.stdout) == (0, "")
    assert removed.stderr == "Uninstalled PgQueuer schema.\n"
    assert pgq("verify", "--expect", "absent", dsn=dsn).code == 0


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_every_bundled_driver_serves_the_schema_commands(dsn, driver):
    for command in (["install"], ["upgrade"], ["verify", "--expect", "present"], ["uninstall"]):
        outcome = pgq("--driver", driver, *command, dsn=dsn)
        assert outcome.code == 0, outcome


def test_the_dsn_option_beats_the_environment(dsn):
    elsewhere = {"PGQUEUER_DSN": "postgresql:///x?host=/nonexistent"}
    assert pgq("--pg-dsn", dsn, "install", env=elsewhere).code == 0
    assert pgq("verify", "--expect", "present", dsn=dsn).code == 0


def test_a_second_install_changes_nothing_and_says_what_to_run(dsn):
    assert pgq("--prefix", "P_", "install", dsn=dsn).code == 0
    again = pgq("--prefix", "P_", "install", dsn=dsn)
    assert (again.code, again.stdout) == (1, "")
    assert again.stderr == (
        "PgQueuer is already installed (prefix='P_', schema=the connection's search_path). "
        "Run 'pgq upgrade' to bring it up to date.\n"
    )
    assert pgq("install", dsn=dsn).code == 0, "another prefix is another installation"


def test_of_several_installs_at_once_one_wins_and_the_others_say_so(dsn):
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: pgq("install", dsn=dsn), range(3)))
    assert sorted(outcome.code for outcome in outcomes) == [0, 1, 1]
    for outcome in outcomes:
        assert outcome.stderr.count("\n") == 1
        assert outcome.code == 0 or "already installed" in outcome.stderr
    assert pgq("verify", "--expect", "present", dsn=dsn).code == 0


def test_prefix_and_schema_reach_every_object(dsn):
    options = ["--prefix", "Cli_", "--schema", "jobs"]
    assert pgq(*options, "install", dsn=dsn).code == 0
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND"
            " relnamespace = 'jobs'::regnamespace"
        ).fetchall()
    assert {name for (name,) in tables} == {
        "Cli_pgqueuer",
        "Cli_pgqueuer_log",
        "Cli_pgqueuer_pauses",
        "Cli_pgqueuer_statistics",
        "Cli_pgqueuer_schedules",
    }
    assert pgq(*options, "verify", "--expect", "present", dsn=dsn).code == 0
    assert pgq(*options, "queue", "x", dsn=dsn).code == 0
    assert pgq("verify", "--expect", "absent", dsn=dsn).code == 0
    again = pgq(*options, "install", dsn=dsn)
    assert "(prefix='Cli_', schema=jobs)" in again.stderr


def test_the_environment_does_what_the_options_do(dsn):
    names = {"PGQUEUER_PREFIX": "env_", "PGQUEUER_SCHEMA": "jobs"}
    assert pgq("install", dsn=dsn, env=names).code == 0
    outcome = pgq("--prefix", "env_", "--schema", "jobs", "verify", "--expect", "present", dsn=dsn)
    assert outcome.code == 0


def test_without_create_schema_a_missing_schema_is_a_failure(dsn):
    outcome = pgq("--schema", "nosuch", "install", "--no-create-schema", dsn=dsn)
    assert outcome.code == 1
    assert 'schema "nosuch" does not exist' in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("level", "kinds"),
    [
        ("durable", {"": "p", "_log": "p", "_statistics": "p", "_schedules": "p"}),
        ("balanced", {"": "p", "_log": "u", "_statistics": "u", "_schedules": "p"}),
        ("volatile", {"": "u", "_log": "u", "_statistics": "u", "_schedules": "u"}),
    ],
)
def test_durability_holds_for_all_tables(dsn, queue_dsn, level, kinds):
    always = {"_pauses": "p"}
    expected = {f"pgqueuer{suffix}": kind for suffix, kind in (kinds | always).items()}
    installed = pgq("install", "-d", level, dsn=dsn)
    assert installed.stderr == f"Installed PgQueuer schema (durability={level}).\n"
    assert persistence(dsn) == expected
    altered = pgq("durability", level, dsn=queue_dsn)
    assert (altered.code, altered.stdout) == (0, "")
    assert altered.stderr == f"Set PgQueuer durability to {level}.\n"
    assert persistence(queue_dsn) == expected


def test_durability_of_the_environment_counts_for_install(dsn):
    assert pgq("install", dsn=dsn, env={"PGQUEUER_DURABILITY": "balanced"}).code == 0
    assert persistence(dsn)["pgqueuer_log"] == "u"


def test_upgrade_of_nothing_installs_and_a_second_one_has_nothing_to_do(dsn):
    first = pgq("upgrade", dsn=dsn)
    assert (first.code, first.stdout) == (0, "")
    assert first.stderr.startswith("Applied ")
    assert first.stderr.endswith(" statements.\n")
    second = pgq("upgrade", dsn=dsn)
    assert second.stderr == "PgQueuer schema is already up to date.\n"
    assert pgq("verify", "--expect", "present", dsn=dsn).code == 0


def test_upgrade_plan_applies_nothing_and_prints_what_upgrade_does(queue_dsn):
    run_sql(queue_dsn, "DROP INDEX pgqueuer_ep_ea_idx")
    plan = pgq("upgrade", "--plan", dsn=queue_dsn)
    assert plan.code == 0
    assert plan.stderr == "Would apply 1 statement.\n"
    assert plan.stdout.startswith("-- pgqueuer ")
    assert "pgqueuer_ep_ea_idx" in plan.stdout
    assert pgq("verify", "--expect", "present", dsn=queue_dsn).code == 1
    run_sql(queue_dsn, plan.stdout)
    assert pgq("verify", "--expect", "present", dsn=queue_dsn).code == 0
    nothing = pgq("upgrade", "--plan", dsn=queue_dsn)
    assert (nothing.code, nothing.stdout) == (0, "")
    assert nothing.stderr == "PgQueuer schema is already up to date.\n"


def test_upgrade_never_changes_durability_and_says_when_it_differs(queue_dsn):
    outcome = pgq("upgrade", "-d", "volatile", dsn=queue_dsn)
    assert outcome.code == 0
    assert "pgq durability" in outcome.stderr
    assert set(persistence(queue_dsn).values()) == {"p"}
    noted = pgq("upgrade", dsn=queue_dsn, env={"PGQUEUER_DURABILITY": "volatile"})
    assert noted.stderr.startswith("note: ")
    assert noted.stderr.endswith("PgQueuer schema is already up to date.\n")
    assert set(persistence(queue_dsn).values()) == {"p"}


def test_a_column_that_no_upgrade_converts_is_told(queue_dsn):
    run_sql(queue_dsn, "ALTER TABLE pgqueuer ALTER COLUMN priority TYPE text")
    outcome = pgq("upgrade", dsn=queue_dsn)
    assert outcome.code == 1
    assert outcome.stderr.startswith("error: Column pgqueuer.priority has type text")
    assert outcome.stderr.count("\n") == 1


def test_verify_tells_what_is_missing_and_what_is_left(queue_dsn):
    run_sql(queue_dsn, "DROP TABLE pgqueuer_schedules")
    present = pgq("verify", "--expect", "present", dsn=queue_dsn)
    assert present.code == 1
    assert present.stdout.startswith("missing table 'pgqueuer_schedules'")
    assert present.stderr == ""
    absent = pgq("verify", "--expect", "absent", dsn=queue_dsn)
    assert absent.code == 1
    assert "unexpected table 'pgqueuer'; run: pgq uninstall\n" in absent.stdout
    assert "unexpected function 'fn_pgqueuer_changed'" in absent.stdout


def test_autovac_and_its_rollback(queue_dsn):
    def options() -> list[str] | None:
        with psycopg.connect(queue_dsn) as connection:
            row = connection.execute(
                "SELECT reloptions FROM pg_class WHERE oid = 'pgqueuer'::regclass"
            ).fetchone()
        assert row is not None
        return row[0]

    tuned = pgq("autovac", dsn=queue_dsn)
    assert (tuned.code, tuned.stdout) == (0, "")
    assert tuned.stderr.startswith("Applied recommended")
    assert "autovacuum_vacuum_threshold=1000" in (options() or [])
    reset = pgq("autovac", "--rollback", dsn=queue_dsn)
    assert reset.stderr.startswith("Reset autovacuum")
    assert options() is None


def test_a_command_without_an_installation_says_to_install(dsn):
    for command in (["queue", "x"], ["failed"], ["durability", "balanced"], ["autovac"]):
        outcome = pgq(*command, dsn=dsn)
        assert outcome.code == 1
        assert "Run 'pgq install'" in outcome.stderr
        assert outcome.stderr.count("\n") == 1


def test_the_printed_sql_installs_upgrades_and_removes(dsn):
    for command in (["install"], ["upgrade"], ["durability", "balanced"], ["autovac"]):
        script = pgq("sql", *command)
        assert script.code == 0
        assert script.stderr == ""
        assert script.stdout.endswith(";\n")
        assert not script.stdout.endswith(";\n\n")
        run_sql(dsn, script.stdout)
        assert pgq("verify", "--expect", "present", dsn=dsn).code == 0
    run_sql(dsn, pgq("sql", "uninstall").stdout)
    assert pgq("verify", "--expect", "absent", dsn=dsn).code == 0


def test_the_printed_sql_is_for_the_given_names():
    options = ["--prefix", "p_", "--schema", "s"]
    script = pgq(*options, "sql", "install", "-d", "balanced").stdout
    first, rest = script.split("\n", 1)
    assert first.endswith(" -- prefix='p_' schema='s' durability=balanced")
    assert rest.startswith('CREATE SCHEMA IF NOT EXISTS "s";\n\n')
    assert script == pgq(*options, "sql", "install", "-d", "balanced").stdout
    without = pgq(*options, "sql", "install", "--no-create-schema").stdout
    assert "CREATE SCHEMA" not in without


def test_widening_of_ids_can_be_left_out_of_the_script():
    assert "BIGINT" in pgq("sql", "upgrade").stdout.upper()
    wide, narrow = (pgq("sql", "upgrade", flag) for flag in ("--widen-id", "--no-widen-id"))
    assert len(narrow.stdout) < len(wide.stdout)


@pytest.mark.parametrize(
    "command",
    [
        ["install", "-d", "volatile"],
        ["upgrade"],
        ["uninstall"],
        ["durability", "balanced"],
        ["autovac", "--rollback"],
    ],
)
def test_the_old_dry_run_prints_what_sql_prints(command):
    dry, script = pgq(*command, "--dry-run"), pgq("sql", *command)
    assert (dry.code, dry.stdout) == (0, script.stdout)
    assert "deprecated" in dry.stderr


def test_a_factory_is_used_instead_of_a_connection_of_our_own(queue_dsn, tmp_path):
    (tmp_path / "cli_connect.py").write_text(
        "import contextlib, os\n"
        "from pgqueuer import Queries\n"
        "from pgqueuer.adapters.connections import connect_psycopg\n"
        "from pgqueuer.db import PsycopgDriver\n"
        "@contextlib.asynccontextmanager\n"
        "async def queries():\n"
        "    async with connect_psycopg(os.environ['ELSEWHERE']) as connection:\n"
        "        yield Queries(PsycopgDriver(connection))\n"
    )
    outcome = pgq(
        "--factory",
        "cli_connect:queries",
        "verify",
        "--expect",
        "present",
        cwd=tmp_path,
        env={"ELSEWHERE": queue_dsn},
    )
    assert outcome.code == 0, outcome
