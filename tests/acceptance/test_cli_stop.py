"""`pgq run` ends when it is told to, whatever its handlers and the database do."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
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

        @pgq.entrypoint("stubborn")
        async def stubborn(job):
            print("stubborn started", flush=True)
            while not (HERE / "go").exists():
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    pass

        @pgq.entrypoint("thread", executor="thread")
        def thread(job):
            print("thread started", flush=True)
            while not (HERE / "go").exists():
                time.sleep(0.01)

        @pgq.entrypoint("waits")
        async def waits(job):
            print("waits started", flush=True)
            while not (HERE / "go").exists():
                await asyncio.sleep(0.01)
            print("waits ended", flush=True)

        yield pgq
"""

RUN = ("run", "worker:main", "--heartbeat-timeout", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path


def statuses(dsn: str) -> list[str]:
    """Of the jobs in the queue."""
    with psycopg.connect(dsn) as connection:
        return [status for (status,) in connection.execute("SELECT status::text FROM pgqueuer")]


def ends(dsn: str) -> list[str]:
    """How jobs left the queue."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT status::text FROM pgqueuer_log WHERE status NOT IN ('queued', 'picked')"
        )
        return [status for (status,) in found]


def finish(dsn: str, folder: Path) -> None:
    """Let another worker do what is left."""
    (folder / "go").touch()
    with pgq_running(*RUN, dsn=dsn, cwd=folder) as worker:
        wait_until(lambda: statuses(dsn) == [], "the job has ended")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert ends(dsn) == ["successful"]


def test_a_handler_that_ignores_its_cancellation_is_left_behind(queue_dsn, folder):
    options = ("--shutdown-timeout", "0.1")
    with pgq_running(*RUN, *options, dsn=queue_dsn, cwd=folder) as worker:
        assert pgq("queue", "stubborn", dsn=queue_dsn).code == 0
        worker.wait_for("stubborn started")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 1, worker.output
    assert "1 handler(s) ignore their cancellation" in worker.output
    assert "Left behind: 1 task(s)" in worker.output
    assert statuses(queue_dsn) == ["picked"]
    finish(queue_dsn, folder)


def test_a_handler_that_blocks_a_thread_is_left_behind_and_its_job_goes_back(queue_dsn, folder):
    with pgq_running(*RUN, dsn=queue_dsn, cwd=folder) as worker:
        assert pgq("queue", "thread", dsn=queue_dsn).code == 0
        worker.wait_for("thread started")
        worker.signal(signal.SIGTERM)
        worker.wait_for("Signal 15 received")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert statuses(queue_dsn) == ["queued"]
    finish(queue_dsn, folder)


def test_an_idle_worker_without_a_database_ends_at_the_first_signal(
    pg: TestPostgres, queue_dsn, folder
):
    with pgq_running(*RUN, dsn=queue_dsn, cwd=folder) as worker:
        worker.wait_for("serves stubborn")
        with closed(pg, queue_dsn):
            worker.wait_for("trying again")
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 0, worker.output


@pytest.mark.parametrize("options", [(), ("--shutdown-timeout", "0.1")])
def test_a_worker_that_can_not_write_an_outcome_says_which_and_the_job_runs_again(
    pg: TestPostgres, queue_dsn, folder, options
):
    with pgq_running(*RUN, *options, dsn=queue_dsn, cwd=folder) as worker:
        assert pgq("queue", "waits", dsn=queue_dsn).code == 0
        worker.wait_for("waits started")
        with closed(pg, queue_dsn):
            (folder / "go").touch()
            worker.wait_for("waits ended")
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 1, worker.output
    assert "outcomes of 1 job(s) could not be written" in worker.output
    finish(queue_dsn, folder)
