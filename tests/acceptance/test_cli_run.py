"""`pgq run`: real workers, signals and the end of a worker."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from tests.support.cli import Running, pgq, pgq_running

WORKER = """
import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pgqueuer
from pgqueuer import PgQueuer

HERE = Path(__file__).parent


@asynccontextmanager
async def make(args=None):
    print("args", args, flush=True)
    async with pgqueuer.connect() as driver:
        pgq = PgQueuer(driver)

        @pgq.entrypoint("quick")
        async def quick(job):
            print("quick", job.payload, flush=True)

        @pgq.entrypoint("slow")
        async def slow(job):
            print("slow started", flush=True)
            while not (HERE / "go").exists():
                await asyncio.sleep(0.01)
            print("slow ended", flush=True)

        @pgq.entrypoint("stubborn")
        async def stubborn(job):
            print("stubborn started", flush=True)
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    print("stubborn goes on", flush=True)

        yield pgq
    print("cleaned up", flush=True)


@asynccontextmanager
async def queue_manager():
    async with make() as pgq:
        yield pgq.qm


@asynccontextmanager
async def scheduler():
    async with make() as pgq:

        @pgq.schedule("tick", "* * * * * *")
        async def tick(schedule):
            print("tick", flush=True)

        yield pgq.sm


@asynccontextmanager
async def fails_once():
    attempt = HERE / "attempted"
    if not attempt.exists():
        attempt.touch()
        raise ConnectionError("not yet")
    async with make() as pgq:
        yield pgq


@asynccontextmanager
async def fails():
    raise ConnectionRefusedError("postgresql://joe:hunter2@host refused")
    yield


async def coroutine():
    pass


@asynccontextmanager
async def yields_text():
    yield "text"
"""


@pytest.fixture
def here(tmp_path) -> Path:
    """The folder of the module `cli_worker`."""
    (tmp_path / "cli_worker.py").write_text(WORKER)
    return tmp_path


def statuses(dsn: str) -> list[tuple[str, str]]:
    """What is in the queue, and what the log has last of each job, by entrypoint."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT entrypoint, status::text FROM pgqueuer UNION ALL"
            " SELECT entrypoint, 'log: ' || status FROM (SELECT DISTINCT ON (job_id) *"
            " FROM pgqueuer_log ORDER BY job_id, id DESC) newest ORDER BY 1, 2"
        ).fetchall()


def start_slow_job(worker: Running, dsn: str) -> None:
    assert pgq("queue", "slow", dsn=dsn).code == 0
    worker.wait_for("slow started")


def test_drain_runs_what_is_queued_and_ends(queue_dsn, here):
    for payload in ("a", "b"):
        assert pgq("queue", "quick", payload, dsn=queue_dsn).code == 0
    outcome = pgq("run", "cli_worker:make", "--mode", "drain", dsn=queue_dsn, cwd=here)
    assert outcome.code == 0, outcome
    assert "quick b'a'" in outcome.stdout
    assert "quick b'b'" in outcome.stdout
    assert outcome.stdout.endswith("cleaned up\n")
    assert outcome.stderr == ""
    assert statuses(queue_dsn) == [("quick", "log: successful")] * 2


def test_the_log_names_the_plugins_in_use(queue_dsn, here):
    outcome = pgq("run", "cli_worker:make", "--mode", "drain", dsn=queue_dsn, cwd=here)
    (line,) = [line for line in outcome.stdout.splitlines() if "Plugins: " in line]
    used = line.partition("Plugins: ")[2]
    assert used.startswith("asyncpg (pgqueuer ")
    assert "psycopg" not in used


def test_what_stands_after_the_dashes_is_one_list(queue_dsn, here):
    base = ("run", "cli_worker:make", "--mode", "drain")
    outcome = pgq(*base, "--", "--verbose", "x y", dsn=queue_dsn, cwd=here)
    assert "args ['--verbose', 'x y']" in outcome.stdout
    assert "args None" in pgq(*base, dsn=queue_dsn, cwd=here).stdout


def test_a_queue_manager_is_run(queue_dsn, here):
    assert pgq("queue", "quick", "a", dsn=queue_dsn).code == 0
    outcome = pgq("run", "cli_worker:queue_manager", "--mode", "drain", dsn=queue_dsn, cwd=here)
    assert outcome.code == 0
    assert "quick b'a'" in outcome.stdout


def test_a_scheduler_is_run_until_a_signal(queue_dsn, here):
    with pgq_running("run", "cli_worker:scheduler", dsn=queue_dsn, cwd=here) as worker:
        worker.wait_for("tick")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_running_jobs_end(queue_dsn, here, number):
    with pgq_running("run", "cli_worker:make", dsn=queue_dsn, cwd=here) as worker:
        start_slow_job(worker, queue_dsn)
        worker.signal(number)
        worker.wait_for(f"Signal {number.value} received")
        (here / "go").touch()
        assert worker.wait() == 0, worker.output
    assert worker.lines[-1] == "cleaned up"
    assert statuses(queue_dsn) == [("slow", "log: successful")]


def test_an_idle_worker_ends_at_the_first_signal(queue_dsn, here):
    with pgq_running("run", "cli_worker:make", dsn=queue_dsn, cwd=here) as worker:
        worker.wait_for("serves quick")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert worker.lines[-1] == "cleaned up"


def test_the_second_signal_puts_running_jobs_back(queue_dsn, here):
    with pgq_running("run", "cli_worker:make", dsn=queue_dsn, cwd=here) as worker:
        start_slow_job(worker, queue_dsn)
        worker.signal(signal.SIGTERM)
        worker.wait_for("Signal 15 received")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert "slow ended" not in worker.output
    assert "cleaned up" in worker.lines
    assert statuses(queue_dsn) == [("slow", "log: queued"), ("slow", "queued")]


def test_the_shutdown_timeout_puts_running_jobs_back(queue_dsn, here):
    options = ("--shutdown-timeout", "0.1")
    with pgq_running("run", "cli_worker:make", *options, dsn=queue_dsn, cwd=here) as worker:
        start_slow_job(worker, queue_dsn)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert "Stopped at once" in worker.output
    assert statuses(queue_dsn) == [("slow", "log: queued"), ("slow", "queued")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_third_signal_ends_a_worker_whose_handler_will_not(queue_dsn, here, number):
    with pgq_running("run", "cli_worker:make", dsn=queue_dsn, cwd=here) as worker:
        assert pgq("queue", "stubborn", dsn=queue_dsn).code == 0
        worker.wait_for("stubborn started")
        for count in (1, 2):
            worker.signal(number)
            worker.wait_for(f"Signal {number.value} received", count=count)
        worker.signal(number)
        assert worker.wait() == -number


def test_a_failing_worker_is_one_line_and_exit_1(queue_dsn, here):
    outcome = pgq("run", "cli_worker:fails", dsn=queue_dsn, cwd=here)
    assert outcome.code == 1
    assert outcome.stderr.startswith("Error: Cannot connect: ")
    assert outcome.stderr.count("\n") == 1
    assert "hunter2" not in outcome.stdout + outcome.stderr


def test_debug_shows_the_traceback_of_a_failing_worker(queue_dsn, here):
    outcome = pgq("run", "cli_worker:fails", "--log-level", "debug", dsn=queue_dsn, cwd=here)
    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.stderr
    assert "hunter2" not in outcome.stdout + outcome.stderr


def test_restart_on_failure_calls_the_factory_again(queue_dsn, here):
    assert pgq("queue", "quick", "a", dsn=queue_dsn).code == 0
    outcome = pgq(
        "run",
        "cli_worker:fails_once",
        "--mode",
        "drain",
        "--restart-on-failure",
        "--restart-delay",
        "0",
        dsn=queue_dsn,
        cwd=here,
    )
    assert outcome.code == 0, outcome
    assert "not yet" in outcome.stderr
    assert "quick b'a'" in outcome.stdout


def test_a_signal_ends_a_worker_that_is_about_to_restart(queue_dsn, here):
    options = ("--restart-on-failure", "--restart-delay", "3600")
    with pgq_running("run", "cli_worker:fails", *options, dsn=queue_dsn, cwd=here) as worker:
        worker.wait_for("it starts again in")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    assert "ConnectionRefusedError: postgresql://joe:***@host refused" in worker.output
    assert "hunter2" not in worker.output


def test_a_missing_installation_says_what_to_run(dsn, here):
    outcome = pgq("run", "cli_worker:make", dsn=dsn, cwd=here)
    assert outcome.code == 1
    assert "pgq install" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("factory", "part"),
    [
        ("coroutine", "decorate it with @asynccontextmanager"),
        ("yields_text", "yield a PgQueuer, a QueueManager or a SchedulerManager"),
        ("absent", "There is no 'absent' in 'cli_worker'"),
    ],
)
def test_a_wrong_factory_is_one_line_and_exit_1(queue_dsn, here, factory, part):
    outcome = pgq("run", f"cli_worker:{factory}", dsn=queue_dsn, cwd=here)
    assert outcome.code == 1
    assert part in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_the_prefix_reaches_a_worker_that_names_none(dsn, here):
    assert pgq("--prefix", "P_", "install", dsn=dsn).code == 0
    assert pgq("--prefix", "P_", "queue", "quick", "a", dsn=dsn).code == 0
    outcome = pgq("--prefix", "P_", "run", "cli_worker:make", "--mode", "drain", dsn=dsn, cwd=here)
    assert "quick b'a'" in outcome.stdout
    assert outcome.code == 0


def test_the_dsn_option_reaches_the_worker(queue_dsn, here):
    outcome = pgq(
        "--pg-dsn",
        queue_dsn,
        "run",
        "cli_worker:make",
        "--mode",
        "drain",
        cwd=here,
        env={"PGQUEUER_DSN": "postgresql:///x?host=/nonexistent"},
    )
    assert outcome.code == 0, outcome


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_the_driver_option_reaches_the_worker(queue_dsn, here, driver):
    assert pgq("queue", "quick", "a", dsn=queue_dsn).code == 0
    options = ("--driver", driver)
    outcome = pgq(*options, "run", "cli_worker:make", "--mode", "drain", dsn=queue_dsn, cwd=here)
    assert outcome.code == 0, outcome
    assert "quick b'a'" in outcome.stdout
