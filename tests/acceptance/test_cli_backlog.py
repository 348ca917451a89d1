"""A default worker before a large backlog: its memory stays flat, and others get their share."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.support.cli import Running, pgq_running

WORKER = """
import asyncio
import itertools
from contextlib import asynccontextmanager

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)
        done = itertools.count(1)

        @pgq.entrypoint("job")
        async def job(job):
            await asyncio.sleep(0.01)
            if (count := next(done)) % 500 == 0:
                print("done", count, flush=True)

        yield pgq
"""
BACKLOG = 200_000
PAYLOAD_BYTES = 1_000
CAPACITY = 1_000
HEADROOM = 80
"""Megabytes above an idle worker; the backlog has 200."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path


@pytest.fixture
def backlog_dsn(queue_dsn: str) -> str:
    with psycopg.connect(queue_dsn) as connection:
        connection.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, payload, status)"
            " SELECT 0, 'job', convert_to(repeat('x', %s), 'UTF8'), 'queued'"
            " FROM generate_series(1, %s)",
            [PAYLOAD_BYTES, BACKLOG],
        )
    return queue_dsn


def megabytes(worker: Running, field: str) -> float:
    for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def done(worker: Running) -> int:
    """How many jobs the worker has done, in steps of 500."""
    counts = [int(line.split()[1]) for line in worker.lines if line.startswith("done ")]
    return max(counts, default=0)


def picked(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM pgqueuer WHERE status = 'picked'"
        ).fetchone()
    return count


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_memory_stays_flat_and_a_second_worker_gets_its_share(backlog_dsn, folder):
    with pgq_running("run", "worker:main", dsn=backlog_dsn, cwd=folder) as first:
        first.wait_for("serves job")
        idle = megabytes(first, "VmRSS")
        first.wait_for("done 1000")
        # Those that run, and those that have ended and are not written yet.
        assert picked(backlog_dsn) <= 3 * CAPACITY
        with pgq_running("run", "worker:main", dsn=backlog_dsn, cwd=folder) as second:
            second.wait_for("done 500")
            before = done(first), done(second)
            second.wait_for(f"done {before[1] + 2_000}")
            shares = done(first) - before[0], done(second) - before[1]
            assert shares[1] >= sum(shares) / 5
            for worker in (first, second):
                assert megabytes(worker, "VmHWM") <= idle + HEADROOM
            print(f"shares {shares}, idle {idle:.0f} MB, peak {megabytes(first, 'VmHWM'):.0f} MB")
