"""`pgq queue`, `listen`, `failed`, `requeue` and the reports."""

from __future__ import annotations

import json
import signal
import uuid
from datetime import datetime

import psycopg
import pytest

from tests.support.cli import pgq, pgq_running


def rows(dsn: str, query: str, *args: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(query, args)
        return cursor.fetchall() if cursor.description else []


def add_failed(dsn: str, count: int) -> list[str]:
    """Jobs that are held as failed; returns their ids as the command line takes them."""
    found = rows(
        dsn,
        "INSERT INTO pgqueuer (priority, status, entrypoint, payload, attempts)"
        " SELECT 0, 'failed', 'mail', 'abc', 2 FROM generate_series(1, %s) RETURNING id",
        count,
    )
    return [str(job_id) for (job_id,) in found]


def add_picked(dsn: str, owner: uuid.UUID, silent_seconds: int) -> None:
    rows(
        dsn,
        "INSERT INTO pgqueuer (priority, status, entrypoint, queue_manager_id, heartbeat)"
        " VALUES (0, 'picked', 'mail', %s, now() - make_interval(secs => %s))",
        owner,
        silent_seconds,
    )


def test_queue_enqueues_the_bytes_of_the_text(queue_dsn):
    outcome = pgq("queue", "mail", "grüße", dsn=queue_dsn)
    ((job_id, entrypoint, payload),) = rows(
        queue_dsn, "SELECT id, entrypoint, payload FROM pgqueuer"
    )
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, f"Enqueued job {job_id}.\n", "")
    assert (entrypoint, payload) == ("mail", "grüße".encode())


def test_queue_without_a_payload_stores_none(queue_dsn):
    assert pgq("queue", "mail", dsn=queue_dsn).code == 0
    assert rows(queue_dsn, "SELECT payload FROM pgqueuer") == [(None,)]


def test_a_duplicate_fails_or_is_skipped_as_asked(queue_dsn):
    assert pgq("queue", "mail", "--dedupe-key", "k", dsn=queue_dsn).code == 0
    raised = pgq("queue", "mail", "--dedupe-key", "k", dsn=queue_dsn)
    assert (raised.code, raised.stdout) == (1, "")
    assert raised.stderr == "Error: duplicate dedupe_key 'k'.\n"
    skipped = pgq("queue", "mail", "--dedupe-key", "k", "--on-conflict", "skip", dsn=queue_dsn)
    assert (skipped.code, skipped.stdout) == (0, "Skipped: duplicate dedupe_key 'k'.\n")
    assert rows(queue_dsn, "SELECT count(*) FROM pgqueuer") == [(1,)]


@pytest.mark.parametrize("entrypoint", ["", "x" * 100_000])
def test_an_entrypoint_that_can_not_be_is_a_usage_error(queue_dsn, entrypoint):
    outcome = pgq("queue", entrypoint, dsn=queue_dsn)
    assert outcome.code == 2, outcome
    assert "entrypoint" in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert rows(queue_dsn, "SELECT count(*) FROM pgqueuer") == [(0,)]


def test_failed_lists_held_jobs(queue_dsn):
    assert pgq("failed", dsn=queue_dsn).stdout == "No failed jobs.\n"
    assert pgq("failed", "--json", dsn=queue_dsn).stdout == "[]\n"
    ids = add_failed(queue_dsn, 3)
    table = pgq("failed", dsn=queue_dsn, env={"PGQUEUER_TABLEFMT": "tsv"}).stdout.splitlines()
    assert [cell.strip() for cell in table[0].split("\t")] == [
        "ID",
        "Entrypoint",
        "Attempts",
        "Created",
        "Payload bytes",
    ]
    assert len(table) == 4
    found = json.loads(pgq("failed", "--json", "-n", "2", dsn=queue_dsn).stdout)
    assert len(found) == 2
    assert str(found[0]["id"]) in ids
    assert found[0]["payload_bytes"] == 3
    assert found[0]["attempts"] == 2
    assert "payload" not in found[0]


def test_requeue_prints_how_many_jobs_it_put_back(queue_dsn):
    first, second = add_failed(queue_dsn, 2)
    outcome = pgq("requeue", first, second, first, dsn=queue_dsn)
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "Re-queued 2 job(s).\n", "")
    assert rows(queue_dsn, "SELECT DISTINCT status::text, attempts FROM pgqueuer") == [
        ("queued", 0)
    ]


def test_requeue_of_unknown_ids_puts_back_the_others_and_fails(queue_dsn):
    (known,) = add_failed(queue_dsn, 1)
    outcome = pgq("requeue", known, "999999", dsn=queue_dsn)
    assert outcome.code == 1
    assert outcome.stdout == "Re-queued 1 job(s).\n"
    assert outcome.stderr.startswith("Error: 1 of 2 id(s) belong to no failed job; 'pgq failed'")
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_listen_prints_each_event_until_interrupted(queue_dsn, driver):
    with pgq_running("--driver", driver, "listen", dsn=queue_dsn) as listener:
        listener.wait_for("Listening on ch_pgqueuer")
        assert pgq("queue", "mail", dsn=queue_dsn).code == 0
        assert "TableChangedEvent" in listener.wait_for("operation='insert'")
        listener.signal(signal.SIGINT)
        assert listener.wait() == 130
    assert "Traceback" not in listener.output
    assert "Aborted" not in listener.output


def test_listen_follows_the_prefix(dsn):
    assert pgq("--prefix", "p_", "install", dsn=dsn).code == 0
    with pgq_running("--prefix", "p_", "listen", dsn=dsn) as listener:
        listener.wait_for("Listening on p_ch_pgqueuer")
        assert pgq("--prefix", "p_", "queue", "mail", dsn=dsn).code == 0
        listener.wait_for("table_changed_event")


def test_listen_ends_with_an_error_when_its_connection_is_lost(queue_dsn):
    with pgq_running("listen", "--channel", "other", dsn=queue_dsn) as listener:
        listener.wait_for("Listening on other")
        rows(
            queue_dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert listener.wait() == 1
    assert "Error: " in listener.output
    assert "Traceback" not in listener.output


def test_backlog(queue_dsn):
    assert pgq("backlog", dsn=queue_dsn).stdout == "No queued jobs.\n"
    assert pgq("backlog", "--json", dsn=queue_dsn).stdout == "[]\n"
    assert pgq("queue", "mail", dsn=queue_dsn).code == 0
    assert "Oldest age (s)" in pgq("backlog", dsn=queue_dsn).stdout
    (found,) = json.loads(pgq("backlog", "--json", dsn=queue_dsn).stdout)
    assert found["entrypoint"] == "mail"
    assert found["queued_count"] == 1


def test_workers_and_stale(queue_dsn):
    assert pgq("workers", dsn=queue_dsn).stdout == "No workers are holding picked jobs.\n"
    assert pgq("stale", dsn=queue_dsn).stdout == "No stale jobs.\n"
    quick, silent = uuid.uuid4(), uuid.uuid4()
    add_picked(queue_dsn, quick, 0)
    add_picked(queue_dsn, silent, 1000)
    workers = json.loads(pgq("workers", "--json", dsn=queue_dsn).stdout)
    assert {found["queue_manager_id"] for found in workers} == {str(quick), str(silent)}
    assert "Picked jobs" in pgq("workers", dsn=queue_dsn).stdout
    stale = json.loads(pgq("stale", "--json", dsn=queue_dsn).stdout)
    assert [found["queue_manager_id"] for found in stale] == [str(silent)]
    every = pgq("stale", "-t", "0", dsn=queue_dsn, env={"TABLEFMT": "plain"}).stdout
    assert every.index(str(silent)) < every.index(str(quick))


def test_dashboard_shows_what_happened_once(queue_dsn):
    assert pgq("queue", "mail", dsn=queue_dsn).code == 0
    outcome = pgq("dashboard", dsn=queue_dsn)
    assert outcome.code == 0
    assert "Priority" in outcome.stdout
    assert "mail" in outcome.stdout


def test_dashboard_as_json(queue_dsn):
    assert pgq("dashboard", "--json", dsn=queue_dsn).stdout == "[]\n"
    assert pgq("queue", "mail", dsn=queue_dsn).code == 0
    outcome = pgq("dashboard", "--json", dsn=queue_dsn)
    assert outcome.code == 0
    (found,) = json.loads(outcome.stdout)
    assert (found["entrypoint"], found["status"], found["count"]) == ("mail", "queued", 1)
    assert datetime.fromisoformat(found["created"]).tzinfo is not None


def test_dashboard_as_json_with_an_interval_prints_an_array_a_line(queue_dsn):
    with pgq_running("dashboard", "--json", "-i", "0.05", dsn=queue_dsn) as dashboard:
        assert dashboard.wait_for("[]", count=3) == "[]"
        dashboard.signal(signal.SIGINT)
        assert dashboard.wait() == 130


def test_schedules_as_json(queue_dsn):
    assert pgq("schedules", "--json", dsn=queue_dsn).stdout == "[]\n"
    rows(
        queue_dsn,
        "INSERT INTO pgqueuer_schedules (expression, entrypoint) VALUES ('1 * * * *', 'tock')",
    )
    (found,) = json.loads(pgq("schedules", "--json", dsn=queue_dsn).stdout)
    assert (found["expression"], found["entrypoint"]) == ("1 * * * *", "tock")
    assert datetime.fromisoformat(found["next_run"]).tzinfo is not None


def test_dashboard_with_an_interval_goes_on(queue_dsn):
    with pgq_running("dashboard", "-i", "0.05", dsn=queue_dsn) as dashboard:
        dashboard.wait_for("Created", count=3)
        dashboard.signal(signal.SIGINT)
        assert dashboard.wait() == 130


def test_schedules_are_shown_and_removed(queue_dsn):
    ((by_id,),) = rows(
        queue_dsn,
        "INSERT INTO pgqueuer_schedules (expression, entrypoint)"
        " VALUES ('* * * * *', 'tick') RETURNING id",
    )
    rows(
        queue_dsn,
        "INSERT INTO pgqueuer_schedules (expression, entrypoint) VALUES ('1 * * * *', 'tock')",
    )
    shown = pgq("schedules", dsn=queue_dsn).stdout
    assert "tick" in shown
    assert "tock" in shown
    left = pgq("schedules", "-r", str(by_id), dsn=queue_dsn)
    assert left.code == 0
    assert "tick" not in left.stdout
    unknown = pgq("schedules", "-r", "tock", "-r", "nosuch", dsn=queue_dsn)
    assert unknown.code == 1
    assert "There is no schedule 'nosuch'" in unknown.stderr
    assert rows(queue_dsn, "SELECT count(*) FROM pgqueuer_schedules") == [(0,)]


def test_schedules_are_paused_and_resumed(queue_dsn):
    ((by_id,),) = rows(
        queue_dsn,
        "INSERT INTO pgqueuer_schedules (expression, entrypoint)"
        " VALUES ('* * * * *', 'tick') RETURNING id",
    )
    rows(queue_dsn, "INSERT INTO pgqueuer_schedules (expression, entrypoint) VALUES ('@x', 'tock')")
    paused = "SELECT entrypoint FROM pgqueuer_schedules WHERE paused_next_run IS NOT NULL"

    shown = pgq("schedules", "--pause", str(by_id), "--pause", "tock", dsn=queue_dsn)
    assert shown.code == 0
    assert shown.stdout.count("paused") == 2
    assert "9000" not in shown.stdout
    assert sorted(rows(queue_dsn, paused)) == [("tick",), ("tock",)]

    assert pgq("schedules", "--resume", str(by_id), dsn=queue_dsn).code == 0
    assert rows(queue_dsn, paused) == [("tock",)]

    for option in ("--pause", "--resume"):
        unknown = pgq("schedules", option, "nosuch", dsn=queue_dsn)
        assert unknown.code == 1
        assert "There is no schedule 'nosuch'" in unknown.stderr
