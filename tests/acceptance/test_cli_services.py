"""`pgq run --service`: services beside a real worker."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest

from tests.support.cli import pgq, pgq_running

WORKER = """
from contextlib import asynccontextmanager

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail")
        async def mail(job):
            if job.payload == b"fail":
                raise ValueError
            print("mailed", flush=True)

        yield pgq
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


def metrics(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_prometheus_reads_what_the_worker_did(queue_dsn: str, folder: Path, port: int) -> None:
    for payload in ("one", "two", "fail"):
        pgq("queue", "mail", payload, dsn=queue_dsn)
    arguments = ["--service", "prometheus", "--metrics-port", str(port), "worker:main"]
    with pgq_running("run", *arguments, dsn=queue_dsn, cwd=folder) as worker:
        worker.wait_for(f"Metrics at http://127.0.0.1:{port}/metrics")
        worker.wait_for("mailed", count=2)
        done = 'pgqueuer_worker_jobs_total{entrypoint="mail",outcome="successful"}'
        failed = 'pgqueuer_worker_jobs_total{entrypoint="mail",outcome="exception"}'
        while (found := metrics(port)).get(done) != 2 or failed not in found:
            assert worker.process.poll() is None
        assert found[failed] == 1
        assert found['pgqueuer_worker_job_run_seconds_count{entrypoint="mail"}'] == 3
        assert found['pgqueuer_worker_job_wait_seconds_count{entrypoint="mail"}'] == 3
        assert found["pgqueuer_worker_claim_jobs_sum"] == 3
        assert found["pgqueuer_worker_jobs_held"] == 0
        assert found["pgqueuer_worker_listener_healthy"] == 1
        assert found["pgqueuer_worker_claiming"] == 1
        assert found["process_resident_memory_bytes"] > 0


def test_a_service_that_can_not_start_does_not_stop_the_worker(
    queue_dsn: str, folder: Path, port: int
) -> None:
    pgq("queue", "mail", "one", dsn=queue_dsn)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        ran = pgq(
            *("run", "--mode", "drain", "--service", "prometheus", "worker:main"),
            dsn=queue_dsn,
            cwd=folder,
            env={"PGQUEUER_METRICS_PORT": str(port)},
        )
    assert ran.code == 0
    assert "mailed" in ran.stdout
    assert "The service 'prometheus' of plugin metrics (pgqueuer " in ran.stderr


def test_an_unknown_service_is_one_line_that_lists_the_known_ones(
    queue_dsn: str, folder: Path
) -> None:
    ran = pgq("run", "--service", "nonsense", "worker:main", dsn=queue_dsn, cwd=folder)
    assert ran.code == 1
    assert "There is no service 'nonsense'. Known: opentelemetry-metrics" in ran.stderr
