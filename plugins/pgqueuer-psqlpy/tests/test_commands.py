"""`pgq --driver psqlpy` in processes of its own, with no line of code for the driver."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.domain.types import JobId
from pgqueuer.plugins import connect_repository

PATIENCE = 60.0
WORKER = """
from contextlib import asynccontextmanager

import anyio

from pgqueuer import PgQueuer, connect


@asynccontextmanager
async def make():
    async with connect() as driver:
        pgq = PgQueuer(driver)

        @pgq.entrypoint("quick")
        async def quick(job):
            print("quick", job.payload, flush=True)

        @pgq.entrypoint("slow")
        async def slow(job):
            print("slow started", flush=True)
            with pgq.qm.get_context(job.id).cancellation:
                await anyio.sleep(3600)
            print("slow canceled", flush=True)

        @pgq.entrypoint("broken", on_failure="hold")
        async def broken(job):
            raise ValueError("on purpose")

        yield pgq
"""


class Shell:
    """Runs `pgq` on one database; its worker writes to a file."""

    def __init__(self, dsn: str, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.dsn = dsn
        self.folder = folder
        self.printed = folder / "printed"
        self.environment = {**kept, "PGQUEUER_DSN": dsn, "PGQUEUER_DRIVER": "psqlpy"}

    def pgq(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pgqueuer", "--driver", "psqlpy", *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Fatal" not in done.stderr
        return done.stdout

    def start(self) -> subprocess.Popen[bytes]:
        (self.folder / "worker.py").write_text(WORKER)
        # Long enough that only a notification explains that a job is found.
        run = ["run", "worker:make", "--dequeue-timeout", "3600"]
        with self.printed.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "pgqueuer", "--driver", "psqlpy", *run],
                env={**self.environment, "PGAPPNAME": "psqlpy-worker"},
                cwd=self.folder,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def prints(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.printed.read_text()

    def listeners(self) -> list[int]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'psqlpy-worker'"
                " AND datname = current_database()"
            )
            return [pid for (pid,) in found]

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.printed.read_text()}"
            time.sleep(0.02)


@pytest.fixture
def shell(queue_dsn: str, tmp_path: Path) -> Shell:
    return Shell(queue_dsn, tmp_path)


@pytest.fixture
def worker(shell: Shell) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that has run one job."""
    process = shell.start()
    try:
        shell.pgq("queue", "quick", "first")
        shell.wait_until(shell.prints("quick b'first'"), "the worker runs jobs")
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_the_plugin_is_sound() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pgqueuer", "plugins", "check", "psqlpy"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_notification_wakes_an_idle_worker_which_ends_cleanly(
    shell: Shell, worker: subprocess.Popen[bytes]
) -> None:
    shell.pgq("queue", "quick", "second")
    shell.wait_until(shell.prints("quick b'second'"), "a notification wakes the worker")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0, shell.printed.read_text()
    assert "Traceback" not in shell.printed.read_text()


def test_a_running_job_is_canceled(shell: Shell, worker: subprocess.Popen[bytes]) -> None:
    shell.pgq("queue", "slow")
    shell.wait_until(shell.prints("slow started"), "the job runs")
    with psycopg.connect(shell.dsn) as connection:
        row = connection.execute("SELECT id FROM pgqueuer WHERE entrypoint = 'slow'").fetchone()
    assert row is not None

    asyncio.run(cancel(shell.dsn, row[0]))

    shell.wait_until(shell.prints("slow canceled"), "the job hears that it is canceled")


async def cancel(dsn: str, job_id: int) -> None:
    async with connect_repository("psqlpy", ConnectionSettings(PGQUEUER_DSN=dsn)) as queries:
        await queries.mark_job_as_cancelled([JobId(job_id)])


def test_a_worker_recovers_when_its_connection_is_ended(
    shell: Shell, worker: subprocess.Popen[bytes]
) -> None:
    lost = shell.listeners()
    assert lost
    with psycopg.connect(shell.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [lost])
    shell.wait_until(
        lambda: (now := shell.listeners()) and not set(now) & set(lost), "it connects anew"
    )

    shell.pgq("queue", "quick", "later")

    shell.wait_until(shell.prints("quick b'later'"), "it works on")
    assert worker.poll() is None


def test_failed_jobs_are_shown(shell: Shell, worker: subprocess.Popen[bytes]) -> None:
    shell.pgq("queue", "broken")

    shell.wait_until(lambda: "broken" in shell.pgq("failed"), "the failure is shown")
