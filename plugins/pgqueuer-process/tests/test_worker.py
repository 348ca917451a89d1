"""The executor in a real `pgq run`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from test_executor import until_gone, until_written

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

WORKER = """
from contextlib import asynccontextmanager

import handlers
import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)
        pgq.entrypoint(
            "work",
            executor="process",
            executor_options={"memory_limit": 512 * 2**20},
            on_failure="hold",
        )(handlers.run)
        yield pgq
"""


async def enqueue(dsn: str, *payloads: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        await Queries(AsyncpgDriver(connection)).enqueue(
            ["work"] * len(payloads), [text.encode() for text in payloads], [0] * len(payloads)
        )
    finally:
        await connection.close()


async def logged(dsn: str) -> list[tuple[str, str]]:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        rows = await Queries(AsyncpgDriver(connection)).queue_log()
        return [
            (row.status, row.traceback.exception_type if row.traceback else "")
            for row in rows
            if row.status in ("successful", "failed", "exception")
        ]
    finally:
        await connection.close()


def start(dsn: str, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    (folder / "app.py").write_text(WORKER)
    paths = [str(folder), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "pgqueuer", "run", *options, "app:main"],
        env={**os.environ, "PGDSN": dsn, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=folder,
    )


async def test_jobs_that_crash_fail_and_the_others_are_done(queue_dsn, tmp_path):
    deeds = ["segfault", "kill", f"allocate {2**30}", "exit 1", f"pid {tmp_path / 'pids'}"]
    await enqueue(queue_dsn, *deeds)

    with start(queue_dsn, tmp_path, "--mode", "drain") as worker:
        assert await asyncio.to_thread(worker.wait, 90) == 0

    outcomes = [name.rpartition(".")[2] for status, name in await logged(queue_dsn) if name]
    assert sorted(outcomes) == ["JobProcessDied"] * 3 + ["MemoryLimitExceeded"]
    assert (tmp_path / "pids").exists()


async def test_nothing_is_left_of_a_worker_that_is_killed(queue_dsn, tmp_path):
    await enqueue(queue_dsn, f"hang {tmp_path / 'pids'}")
    with start(queue_dsn, tmp_path) as worker:
        pids = (await until_written(tmp_path / "pids")).split()
        worker.kill()

    for pid in pids:
        await until_gone(int(pid))
