"""`pgq doctor` as a process: its lines, its JSON and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess

import psycopg
import pytest

from tests.support.cli import PATIENCE, command, environment, pgq
from tests.support.plugin_site import Site

NO_SERVER = "postgresql://joe:hunter2@/nothing?host=/nonexistent"


def found(stdout: str) -> dict[str, dict[str, object]]:
    """The findings of `--json`, by check."""
    return {row["check"]: row for row in json.loads(stdout)}


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", None])
def test_a_healthy_database_is_ok_line_by_line(queue_dsn, driver):
    outcome = pgq(*(["--driver", driver] if driver else []), "doctor", "--strict", dsn=queue_dsn)
    assert outcome.code == 0, outcome
    lines = outcome.stdout.splitlines()
    assert {line[:6] for line in lines} == {"ok    "}
    assert {line.index(line[6:].split(maxsplit=1)[1]) for line in lines} == {20}
    assert outcome.stderr == f"{len(lines)} ok.\n"


def test_a_factory_is_examined_too(queue_dsn, tmp_path):
    (tmp_path / "doctor_factory.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "import asyncpg\n"
        "from pgqueuer.db import AsyncpgPoolDriver\n"
        "from pgqueuer.queries import Queries\n"
        "@asynccontextmanager\n"
        "async def make():\n"
        f"    async with asyncpg.create_pool({queue_dsn!r}, min_size=1) as pool:\n"
        "        async with AsyncpgPoolDriver(pool) as driver:\n"
        "            yield Queries(driver)\n"
    )
    outcome = pgq("--factory", "doctor_factory:make", "doctor", "--strict", cwd=tmp_path)
    assert outcome.code == 0, outcome


def test_json_is_one_array_with_what_to_do(dsn):
    outcome = pgq("doctor", "--json", dsn=dsn)
    assert (outcome.code, outcome.stderr) == (1, "")
    findings = found(outcome.stdout)
    assert findings["schema"]["status"] == "fail"
    assert findings["schema"]["remedy"] == "run 'pgq install'"
    assert findings["connection"] == {
        "check": "connection",
        "status": "ok",
        "message": findings["connection"]["message"],
        "remedy": None,
    }


def test_a_warning_alone_is_no_failure_unless_strict(queue_dsn):
    with psycopg.connect(queue_dsn) as connection:
        connection.execute("SELECT pg_current_xact_id()")
        lenient = pgq("doctor", "--transaction-age", "0", dsn=queue_dsn)
        strict = pgq("doctor", "--transaction-age", "0", "--strict", dsn=queue_dsn)
    assert (lenient.code, strict.code) == (0, 1)
    assert "warn  transactions  session " in lenient.stdout
    assert "\n                    -> end it where it was opened" in lenient.stdout
    assert "1 warn" in lenient.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_without_a_database_there_is_one_failure_and_no_traceback(driver, options):
    outcome = pgq("--driver", driver, "--pg-dsn", NO_SERVER, "doctor", *options)
    assert outcome.code == 1
    mark = '"status": "fail"' if options else "fail  "
    assert outcome.stdout.count(mark) == 1
    assert "no connection" in outcome.stdout
    assert "heck that PostgreSQL is up" in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert "hunter2" not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--driver", "nosuch", "doctor"], "There is no driver 'nosuch'"),
        (["--factory", "nosuch:make", "doctor"], "There is no module 'nosuch'"),
        (["--prefix", "no prefix", "doctor"], "'no prefix' is not an identifier"),
    ],
)
def test_settings_that_can_not_be_are_a_failure(args, part, queue_dsn, tmp_path):
    outcome = pgq(*args, dsn=queue_dsn, cwd=tmp_path)
    assert outcome.code == 1
    [failure] = [line for line in outcome.stdout.splitlines() if line.startswith("fail")]
    assert part in failure


def test_the_memory_driver_says_that_the_rest_does_not_apply():
    outcome = pgq("--driver", "memory", "doctor")
    assert outcome.code == 0
    assert "skip  connection    memory is not PostgreSQL" in outcome.stdout


def test_a_broken_plugin_fails_once(queue_dsn, tmp_path):
    site = Site(folder=tmp_path)
    site.plugin("broken", "raise RuntimeError('half done')")
    outcome = pgq("doctor", "--json", dsn=queue_dsn, env={"PYTHONPATH": str(tmp_path)})
    assert (outcome.code, outcome.stderr) == (1, "")
    plugins = found(outcome.stdout)["plugins"]
    assert plugins["status"] == "fail"
    assert "half done" in str(plugins["message"])
    assert plugins["remedy"] == (
        "Upgrade or uninstall broken, or set PGQUEUER_DISABLE_PLUGINS=broken."
    )


def test_a_plugin_that_wants_a_name_that_is_taken_fails(queue_dsn, tmp_path):
    site = Site(folder=tmp_path)
    for name in ("one", "two"):
        site.plugin(
            name,
            """
            from pgqueuer.plugins import TracerSpec, hookimpl

            @hookimpl
            def pgqueuer_register_tracers():
                yield TracerSpec(name="same", factory=object)
            """,
        )
    outcome = pgq("doctor", "--json", dsn=queue_dsn, env={"PYTHONPATH": str(tmp_path)})
    assert outcome.code == 1
    failures = [row for row in json.loads(outcome.stdout) if row["status"] == "fail"]
    assert {row["check"] for row in failures} == {"plugins"}
    assert len(failures) == 2


def test_strict_plugins_end_in_a_failure_and_not_in_an_error(queue_dsn, tmp_path):
    Site(folder=tmp_path).plugin("broken", "raise RuntimeError('half done')")
    variables = {"PYTHONPATH": str(tmp_path), "PGQUEUER_STRICT_PLUGINS": "1"}
    outcome = pgq("doctor", "--json", dsn=queue_dsn, env=variables)
    assert outcome.code == 1
    assert "half done" in str(found(outcome.stdout)["plugins"]["message"])
    assert found(outcome.stdout)["drift"]["status"] == "ok"


@pytest.mark.parametrize("option", [["--transaction-age", "-1"], ["--nosuch"]])
def test_usage_errors_send_nothing(option):
    outcome = pgq("doctor", *option)
    assert outcome.code == 2
    assert outcome.stdout == ""


def test_colors_are_for_terminals_only():
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        command(["--driver", "memory", "doctor"]),
        env=environment(None, {"TERM": "xterm"}),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    shown = b""
    try:
        while chunk := os.read(reader, 4096):
            shown += chunk
    except OSError:
        pass  # Linux tells the end of a terminal by EIO
    finally:
        os.close(reader)
        assert process.wait(PATIENCE) == 0
    assert b"\x1b[32m" in shown
    assert "\x1b" not in pgq("--driver", "memory", "doctor").stdout
