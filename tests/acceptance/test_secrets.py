"""Real commands print no password of a connection string, and no payload."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest

from tests.support.cli import Outcome, pgq, pgq_running

PASSWORD = "hunter2"
PAYLOAD = "s3cr3t"
DRIVERS = ("asyncpg", "psycopg")
WORKER = """
    import os
    from contextlib import asynccontextmanager
    from datetime import timedelta

    from pydantic import BaseModel

    from pgqueuer import Job, PgQueuer, RetryRequested, connect

    class Order(BaseModel):
        number: int

    @asynccontextmanager
    async def make():
        async with connect(driver=os.environ["PGQUEUER_DRIVER"]) as driver:
            pgq = PgQueuer(driver)

            @pgq.entrypoint("fine")
            async def fine(job: Job): ...

            @pgq.entrypoint("fails")
            async def fails(job: Job):
                print("ran", flush=True)
                raise LookupError(f"not found: {job!r} {job}")

            @pgq.entrypoint("retried")
            async def retried(job: Job):
                if not job.attempts:
                    raise RetryRequested(reason="too early")

            @pgq.entrypoint("typed")
            async def typed(order: Order): ...

            @pgq.schedule("tick", "* * * * * *")
            async def tick(schedule):
                raise LookupError(repr(pgq.connection))

            yield pgq
"""


@pytest.fixture
def secret_dsn(queue_dsn: str) -> str:
    """The server trusts its users, so that any password does."""
    return re.sub(r"//([^:@/]+)(:[^@/]*)?@", rf"//\1:{PASSWORD}@", queue_dsn)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop_worker.py").write_text(dedent(WORKER))
    return tmp_path


def is_discreet(outcome: Outcome | str) -> bool:
    text = outcome if isinstance(outcome, str) else outcome.stdout + outcome.stderr
    return PASSWORD not in text and PAYLOAD not in text


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_worker_tells_neither(project, secret_dsn, driver):
    assert f":{PASSWORD}@" in secret_dsn
    with psycopg.connect(secret_dsn, autocommit=True) as admin:
        for name in ("fine", "fails", "retried", "typed"):
            admin.execute(
                "SELECT pgqueuer_enqueue(%s, payload => %s, headers => %s::jsonb)",
                (name, f'"{PAYLOAD}"'.encode(), f'{{"a": "{PAYLOAD}"}}'),
            )
        admin.execute(
            "INSERT INTO pgqueuer (entrypoint, priority, status, headers, payload)"
            " VALUES ('fine', 0, 'queued', %s, %s)",
            (f'["{PAYLOAD}"]', PAYLOAD.encode()),
        )
        env = {"PGQUEUER_DRIVER": driver, "PGQUEUER_DSN": secret_dsn, "PGPASSWORD": PASSWORD}
        options = ("--log-level", "DEBUG", "--heartbeat-timeout", "1", "--restart-on-failure")
        command = ("run", "shop_worker:make", *options, "--restart-delay", "0.1")
        with pgq_running(*command, env=env, cwd=project) as worker:
            worker.wait_for("ran")
            worker.wait_for("LookupError: not found")
            worker.wait_for("is parked as failed")
            worker.wait_for("The schedule tick")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            worker.wait_for("again")
    assert is_discreet(worker.output), worker.output
    assert "ran" in worker.output


@pytest.mark.parametrize(
    "command",
    [
        ("doctor",),
        ("plugins", "list"),
        ("failed",),
        ("dashboard",),
        ("schedules",),
        ("upgrade", "--plan"),
        ("sql", "install"),
        ("queue", "job", PAYLOAD, "--dedupe-key", "taken"),
    ],
    ids=" ".join,
)
def test_a_command_tells_neither(secret_dsn, command):
    with psycopg.connect(secret_dsn, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO pgqueuer (entrypoint, priority, status, payload, headers, dedupe_key)"
            " VALUES ('a', 0, 'failed', %(it)s::bytea, to_jsonb(ARRAY[%(it)s::text]), NULL),"
            " ('b', 0, 'queued', %(it)s::bytea, NULL, 'taken')",
            {"it": PAYLOAD},
        )
    given = {"PGDSN": secret_dsn, "PGPASSWORD": PASSWORD}
    assert is_discreet(pgq("--log-level", "DEBUG", *command, env=given))


BROKEN = (
    "postgresql://joe:{}@127.0.0.1:1/db",
    "postgresql://joe:{}@127.0.0.1:1/db?connect_timeout=x",
    "postgresql://joe:{}@[::1/db",
    "postgresql://joe:{}@127.0.0.1:port/db",
    "postgresql://joe@127.0.0.1:1/db?password={}",
    "host=127.0.0.1 port=1 user=joe password={}",
    "host=127.0.0.1 port=1 user=joe password='{} {}",
)

FAILING = """
import os
from click.testing import CliRunner
from pgqueuer.adapters.cli.cli import app
import sys

for dsn in {dsns!r}:
    os.environ.update(PGQUEUER_DSN=dsn, PGQUEUER_DRIVER={driver!r})
    outcome = CliRunner().invoke(app, ["--log-level", "DEBUG", "backlog"])
    assert outcome.exit_code == 1, dsn
    sys.stderr.write(outcome.output)
"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_connection_that_fails_tells_no_password(project, driver):
    code = FAILING.format(dsns=[dsn.format(PASSWORD, PASSWORD) for dsn in BROKEN], driver=driver)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=project,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Traceback") >= len(BROKEN)
    assert is_discreet(done.stdout + done.stderr), done.stderr


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_worker_that_can_not_connect_tells_no_password(project, driver):
    env = {"PGQUEUER_DSN": BROKEN[0].format(PASSWORD), "PGQUEUER_DRIVER": driver}
    outcome = pgq("run", "shop_worker:make", "--log-level", "DEBUG", env=env, cwd=project)
    assert outcome.code == 1
    assert "Traceback" in outcome.stderr
    assert is_discreet(outcome)
