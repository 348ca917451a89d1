"""`pgq run --log-format`: what a real worker prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import pgq

WORKER = """
import logging
from contextlib import asynccontextmanager

import pgqueuer

logging.basicConfig(format="own format: %(message)s")
log = logging.getLogger("shop")


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail", concurrency_limit=3)
        async def mail(job):
            log.info("mailed")

        @pgq.entrypoint("resize", executor="thread")
        def resize(job):
            log.warning("resized", extra={"width": 10})

        @pgq.entrypoint("broken")
        async def broken(job):
            raise ValueError("no\\nluck")

        @pgq.schedule("nightly", "0 3 * * *")
        async def nightly(schedule):
            pass

        yield pgq


@asynccontextmanager
async def refused():
    raise ConnectionError("postgresql://joe:hunter2@host refused")
    yield
"""

DRAIN = ("run", "worker:main", "--mode", "drain")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path


def enqueue(dsn: str, *entrypoints: str) -> None:
    for entrypoint in entrypoints:
        assert pgq("queue", entrypoint, "secret payload", dsn=dsn).code == 0


def test_json_has_an_object_a_line_with_the_job(queue_dsn: str, folder: Path) -> None:
    enqueue(queue_dsn, "mail", "resize", "broken")
    ran = pgq(*DRAIN, "--log-format", "json", dsn=queue_dsn, cwd=folder)
    assert ran.code == 0
    lines = [json.loads(line) for line in (ran.stdout + ran.stderr).splitlines()]
    said = {line["message"]: line for line in lines}
    for message, entrypoint in (("mailed", "mail"), ("resized", "resize")):
        assert said[message]["entrypoint"] == entrypoint
        assert isinstance(said[message]["job_id"], int)
        assert said[message]["logger"] == "shop"
    assert said["resized"]["width"] == 10
    (failure,) = (line for line in lines if line["level"] == "ERROR")
    assert failure["entrypoint"] == "broken"
    assert failure["exception"].endswith("ValueError: no\nluck")
    assert "secret payload" not in ran.stdout + ran.stderr
    assert "resized" in ran.stderr
    assert "mailed" in ran.stdout


def test_the_first_lines_say_what_runs_where(queue_dsn: str, folder: Path) -> None:
    options = ("--log-format", "json", "--max-concurrent-tasks", "40")
    ran = pgq(*DRAIN, *options, dsn=queue_dsn, cwd=folder)
    (start,) = (found for line in ran.stdout.splitlines() if "pid" in (found := json.loads(line)))
    with_name = queue_dsn.rpartition("/")[2].partition("?")[0]
    assert start["database"].startswith(f"{with_name} at ")
    assert start["entrypoints"] == ["mail (limit 3)", "resize", "broken"]
    assert start["schedules"] == ["nightly (0 3 * * *)"]
    assert start["max_concurrent_tasks"] == 40
    assert start["driver"].startswith("Asyncpg")
    assert {"version", "host", "worker", "heartbeat_timeout", "services", "tracer"} <= set(start)
    assert f"entrypoints {', '.join(start['entrypoints'])}; " in start["message"] + "; "


def test_plain_lines_of_all_loggers_end_with_the_job(queue_dsn: str, folder: Path) -> None:
    enqueue(queue_dsn, "mail")
    ran = pgq(*DRAIN, dsn=queue_dsn, cwd=folder, env={"PGQUEUER_LOG_FORMAT": "plain"})
    (line,) = (line for line in ran.stdout.splitlines() if "mailed" in line)
    assert " [shop] INFO: mailed [mail " in line
    assert "own format" not in ran.stdout + ran.stderr


def test_without_a_format_the_log_of_the_program_is_its_own(queue_dsn: str, folder: Path) -> None:
    enqueue(queue_dsn, "mail", "resize")
    ran = pgq(*DRAIN, dsn=queue_dsn, cwd=folder)
    assert "own format: resized" in ran.stderr
    assert "mailed" not in ran.stdout + ran.stderr


def test_what_ends_a_worker_is_json_too(queue_dsn: str, folder: Path) -> None:
    ran = pgq("run", "worker:refused", "--log-format", "json", dsn=queue_dsn, cwd=folder)
    assert ran.code == 1
    last = json.loads(ran.stderr.splitlines()[-1])
    assert last["level"] == "CRITICAL"
    assert last["message"].startswith("The worker ends: Cannot connect")
    assert "hunter2" not in ran.stdout + ran.stderr
