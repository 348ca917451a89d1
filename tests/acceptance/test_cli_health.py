"""`pgq run --health-port`: what a real worker tells probes, whatever happens to it."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.cli import pgq, pgq_running
from tests.support.closed import closed
from tests.support.postgres import TestPostgres
from tests.support.waiting import wait_until

WORKER = """
import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pgqueuer

HERE = Path(__file__).parent


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("slow")
        async def slow(job):
            print("slow started", flush=True)
            while not (HERE / "go").exists():
                await asyncio.sleep(0.01)

        @pgq.entrypoint("blocks")
        async def blocks(job):
            print("blocks started", flush=True)
            while not (HERE / "go").exists():
                time.sleep(0.01)

        yield pgq


@asynccontextmanager
async def scheduler():
    async with main() as pgq:
        yield pgq.sm


@asynccontextmanager
async def hangs():
    print("hangs", flush=True)
    await asyncio.sleep(3600)
    yield
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Probe:
    """What the worker answers."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str) -> tuple[int, dict]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as got:
                return got.status, json.loads(got.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read())
        except urllib.error.URLError:
            return 0, {}

    def until(self, path: str, status: int, reason: str = "") -> dict:
        """The first answer with this status and reason."""
        answers: list[tuple[int, dict]] = [(0, {})]

        def right() -> bool:
            answers.append(self.ask(path))
            code, about = answers[-1]
            return code == status and (not reason or reason in about["reasons"])

        wait_until(right, f"{path} answers {status} {reason}")
        return answers[-1][1]


@pytest.fixture
def probe(port: int) -> Probe:
    return Probe(port)


def test_probes_follow_the_database_and_the_drain(
    pg: TestPostgres, queue_dsn: str, folder: Path, port: int, probe: Probe
) -> None:
    arguments = ("run", "worker:main", "--health-port", str(port))
    with pgq_running(*arguments, dsn=queue_dsn, cwd=folder) as worker:
        about = probe.until("/readyz", 200)
        assert about["claiming"]
        assert about["listener"] == "hears"
        assert about["database"]["works"]
        with closed(pg, queue_dsn):
            about = probe.until("/readyz", 503, "the database does not work")
            assert about["database"]["error"]
            assert probe.ask("/livez")[0] == 200
        probe.until("/readyz", 200)
        assert pgq("queue", "slow", "secret payload", dsn=queue_dsn).code == 0
        worker.wait_for("slow started")
        worker.signal(signal.SIGTERM)
        about = probe.until("/readyz", 503, "the worker is told to stop")
        assert about["jobs_held"] == 1
        assert "secret payload" not in json.dumps(about)
        assert probe.ask("/livez")[0] == 200
        (folder / "go").touch()
        assert worker.wait() == 0, worker.output
    assert probe.ask("/livez")[0] == 0


def test_a_blocked_loop_is_named_and_dead_when_its_leases_have_run_out(
    queue_dsn: str, folder: Path, port: int, probe: Probe
) -> None:
    arguments = ("run", "worker:main", "--heartbeat-timeout", "2")
    env = {"PGQUEUER_HEALTH_PORT": str(port)}
    with pgq_running(*arguments, dsn=queue_dsn, cwd=folder, env=env) as worker:
        probe.until("/readyz", 200)
        assert pgq("queue", "blocks", "secret payload", dsn=queue_dsn).code == 0
        worker.wait_for("blocks started")
        about = probe.until("/readyz", 503, "the event loop is blocked")
        assert about["blocked_by"]["entrypoint"] == "blocks"
        assert "worker.py:" in about["blocked_by"]["place"]
        about = probe.until("/livez", 503)
        assert about["loop_lag_seconds"] > 2
        assert "secret" not in json.dumps(about)
        line = worker.wait_for("The event loop has not turned for")
        assert "of entrypoint blocks, in blocks at" in line
        (folder / "go").touch()
        probe.until("/livez", 200)
        worker.wait_for("The event loop turns again")
        probe.until("/readyz", 200)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert worker.output.count("blocks started") == 1


def test_a_worker_of_schedules_is_ready_without_claims(
    queue_dsn: str, folder: Path, port: int, probe: Probe
) -> None:
    arguments = ("run", "worker:scheduler", "--health-port", str(port))
    with pgq_running(*arguments, dsn=queue_dsn, cwd=folder) as worker:
        assert not probe.until("/readyz", 200)["claiming"]
        assert probe.ask("/nonsense")[0] == 404
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output


def test_a_worker_that_hangs_at_its_start_is_live_not_ready_and_ends_at_the_first_signal(
    queue_dsn: str, folder: Path, port: int, probe: Probe
) -> None:
    arguments = ("run", "worker:hangs", "--health-port", str(port))
    with pgq_running(*arguments, dsn=queue_dsn, cwd=folder) as worker:
        worker.wait_for("hangs")
        probe.until("/readyz", 503, "no worker runs")
        assert probe.ask("/livez")[0] == 200
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output


def test_a_port_that_is_taken_is_one_line_and_exit_1(
    queue_dsn: str, folder: Path, port: int
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        arguments = ("run", "worker:main", "--health-port", str(port))
        ran = pgq(*arguments, dsn=queue_dsn, cwd=folder)
    assert ran.code == 1
    assert ran.stderr.startswith(f"Error: Port {port} of 127.0.0.1 can not be had")
    assert ran.stderr.count("\n") == 1
