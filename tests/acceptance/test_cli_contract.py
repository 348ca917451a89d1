"""What scripts around `pgq` rely on: columns, fields, streams and exit codes of 1.x."""

from __future__ import annotations

import json
import signal
import uuid
from datetime import datetime

import psycopg
import pytest

from pgqueuer.domain.models import ActiveWorker, Job, QueueAgeStats, StaleJob
from tests.support.cli import pgq, pgq_running

COLUMNS = {
    "dashboard": ["Created", "Count", "Entrypoint", "Status", "Priority"],
    "failed": ["ID", "Entrypoint", "Attempts", "Created", "Payload bytes"],
    "stale": ["ID", "Entrypoint", "Queue manager", "Heartbeat", "Seconds since heartbeat"],
    "workers": [
        "Queue manager",
        "Picked jobs",
        "Oldest heartbeat",
        "Newest heartbeat",
        "Entrypoints",
    ],
    "backlog": [
        "Entrypoint",
        "Queued",
        "Oldest created",
        "Oldest age (s)",
        "Average age (s)",
    ],
    "schedules": [
        "ID",
        "Expression",
        "Heartbeat",
        "Created",
        "Updated",
        "Next run",
        "Last run",
        "Status",
        "Entrypoint",
    ],
}
FIELDS = {
    "failed": set(Job.model_fields) - {"payload"} | {"payload_bytes"},
    "stale": set(StaleJob.model_fields),
    "workers": set(ActiveWorker.model_fields),
    "backlog": set(QueueAgeStats.model_fields),
}
EMPTY = {
    "failed": "No failed jobs.\n",
    "stale": "No stale jobs.\n",
    "workers": "No workers are holding picked jobs.\n",
    "backlog": "No queued jobs.\n",
}


@pytest.fixture
def busy_dsn(queue_dsn: str) -> str:
    """A queue in which every report has a line."""
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        for status in ("queued", "failed"):
            connection.execute(
                "INSERT INTO pgqueuer (priority, status, entrypoint) VALUES (0, %s, 'mail')",
                (status,),
            )
        connection.execute(
            "INSERT INTO pgqueuer (priority, status, entrypoint, queue_manager_id, heartbeat)"
            " VALUES (0, 'picked', 'mail', %s, now() - interval '1 hour')",
            (uuid.uuid4(),),
        )
        connection.execute(
            "INSERT INTO pgqueuer_schedules (expression, entrypoint) VALUES ('* * * * *', 'tick')"
        )
    assert pgq("queue", "mail", dsn=queue_dsn).code == 0
    return queue_dsn


@pytest.mark.parametrize("command", COLUMNS)
def test_tables_have_the_columns_of_1_x(busy_dsn, command):
    outcome = pgq(command, dsn=busy_dsn, env={"PGQUEUER_TABLEFMT": "tsv"})
    assert (outcome.code, outcome.stderr) == (0, "")
    header, *lines = outcome.stdout.splitlines()
    assert [cell.strip() for cell in header.split("\t")] == COLUMNS[command]
    assert len(lines) == 1


@pytest.mark.parametrize("command", COLUMNS)
def test_json_is_one_array_with_times_in_iso_8601(busy_dsn, command):
    outcome = pgq(command, "--json", dsn=busy_dsn)
    assert (outcome.code, outcome.stderr) == (0, "")
    [found] = json.loads(outcome.stdout)
    assert set(found) == FIELDS.get(command, set(found))
    times = [found[name] for name in ("created", "heartbeat", "oldest_created") if name in found]
    assert all(datetime.fromisoformat(time).tzinfo for time in times)


@pytest.mark.parametrize("command", COLUMNS)
def test_nothing_to_report_is_no_failure(queue_dsn, command):
    plain = pgq(command, dsn=queue_dsn)
    assert (plain.code, plain.stderr) == (0, "")
    assert plain.stdout == EMPTY.get(command, plain.stdout)
    as_json = pgq(command, "--json", dsn=queue_dsn)
    assert (as_json.code, as_json.stdout, as_json.stderr) == (0, "[]\n", "")


def test_changes_are_confirmed_on_stderr(dsn):
    for args, said in (
        (["uninstall"], "Uninstalled PgQueuer schema.\n"),
        (["install", "-d", "balanced"], "Installed PgQueuer schema (durability=balanced).\n"),
        (["durability", "volatile"], "Set PgQueuer durability to volatile.\n"),
    ):
        outcome = pgq(*args, dsn=dsn)
        assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "", said)


def test_one_statement_is_counted_in_the_singular(queue_dsn):
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        connection.execute("DROP INDEX pgqueuer_ep_ea_idx")
    assert pgq("upgrade", dsn=queue_dsn).stderr == "Applied 1 statement.\n"


@pytest.mark.parametrize("name", ["9" * 30, "nosuch", "0"])
def test_a_schedule_that_is_not_there_is_told(queue_dsn, name):
    outcome = pgq("schedules", "--remove", name, dsn=queue_dsn)
    assert outcome.code == 1
    assert outcome.stderr == f"Error: There is no schedule '{name}'; check the table.\n"


@pytest.mark.parametrize("command", ["run", "listen"])
def test_ctrl_c_is_quiet(queue_dsn, command, tmp_path):
    (tmp_path / "quiet_worker.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "import pgqueuer\n"
        "from pgqueuer import PgQueuer\n"
        "@asynccontextmanager\n"
        "async def make():\n"
        "    async with pgqueuer.connect() as driver:\n"
        "        print('worker made', flush=True)\n"
        "        yield PgQueuer(driver)\n"
    )
    args, ready = (
        (["run", "quiet_worker:make"], "worker made")
        if command == "run"
        else (["listen"], "Listening on")
    )
    with pgq_running(*args, dsn=queue_dsn, cwd=tmp_path) as running:
        running.wait_for(ready)
        running.signal(signal.SIGINT)
        assert running.wait() == (0 if command == "run" else 130)
    assert "Traceback" not in running.output
    assert "Error" not in running.output
