"""The main job on a bare machine: analyze every file of a source tree through the queue.

Starts an embedded PostgreSQL, installs the schema, enqueues one job a file, runs a real `pgq run`
worker until the queue is drained, and reports.
"""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from demo.chart import draw  # noqa: E402
from demo.report import LARGEST, Run, quantiles, read_runs  # noqa: E402
from demo.worker import ENTRYPOINT, FIGURES_TABLE  # noqa: E402
from pgqueuer import AsyncpgDriver, Queries  # noqa: E402
from pgqueuer.adapters import embedded  # noqa: E402

CHART = Path("demo-report.svg").resolve()
BAR = 40
JOBS_PER_CORE = 4


def python_files(tree: Path) -> list[Path]:
    """Every Python file of the tree, installed third-party packages left out."""
    return sorted(
        path for path in tree.rglob("*.py") if "site-packages" not in path.parts and path.is_file()
    )


async def enqueue(connection: asyncpg.Connection, files: Sequence[Path]) -> list[int]:
    """One job a file, the path as payload; returns the ids in the order of the files."""
    queries = Queries(AsyncpgDriver(connection))
    if not await queries.schema_is_installed():
        await queries.install()
    else:
        await queries.upgrade()
    await connection.execute(FIGURES_TABLE)
    ids: list[int] = []
    for start in range(0, len(files), 1000):
        payloads = [os.fsencode(path) for path in files[start : start + 1000]]
        ids += await queries.enqueue([ENTRYPOINT] * len(payloads), payloads)
    return ids


async def work(connection: asyncpg.Connection, ids: Sequence[int]) -> None:
    """Run the worker process until it has drained the queue, showing progress."""
    command = (sys.executable, "-m", "pgqueuer", "run", "demo.worker:main", "--mode", "drain")
    at_once = str(JOBS_PER_CORE * (os.cpu_count() or 1))
    worker = await asyncio.create_subprocess_exec(
        *command, "--max-concurrent-tasks", at_once, "--log-level", "CRITICAL", cwd=ROOT
    )
    ended = asyncio.create_task(worker.wait())
    progress = Progress(len(ids))
    while not ended.done():
        progress.show(await count_finished(connection, ids))
        await asyncio.wait({ended}, timeout=0.2)
    progress.show(await count_finished(connection, ids))
    progress.end()
    if worker.returncode:
        raise SystemExit(f"The worker ended with exit code {worker.returncode}.")


async def count_finished(connection: asyncpg.Connection, ids: Sequence[int]) -> int:
    """How many of these jobs are neither queued nor picked any more."""
    left = await connection.fetchval(
        "SELECT count(*) FROM pgqueuer"
        " WHERE status IN ('queued', 'picked') AND id = ANY ($1::bigint[])",
        list(ids),
    )
    return len(ids) - int(left)


class Progress:
    """A bar that is drawn over itself on a terminal; elsewhere one line for each tenth."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._tenth = -1

    def show(self, done: int) -> None:
        """Tell how many are done."""
        filled = BAR * done // self._total
        line = f"  [{'#' * filled}{'.' * (BAR - filled)}] {done:,} of {self._total:,}"
        if sys.stdout.isatty():
            print(f"\r{line}", end="", flush=True)
        elif 10 * done // self._total > self._tenth:
            self._tenth = 10 * done // self._total
            print(line, flush=True)

    def end(self) -> None:
        """Leave the bar as it is."""
        if sys.stdout.isatty():
            print()


def report(files: Sequence[Path], ids: Sequence[int], runs: Sequence[Run], seconds: float) -> bool:
    """Print what happened, draw the chart, and tell whether every file is accounted for."""
    names = dict(zip(ids, files, strict=True))
    done = [run for run in runs if run.status == "successful"]
    failed = [run for run in runs if run.status == "failed"]
    waits = quantiles([(run.picked - run.queued).total_seconds() for run in runs if run.picked])
    times = quantiles(
        [(run.ended - run.picked).total_seconds() for run in runs if run.ended and run.picked]
    )
    print(f"\n  {len(done):,} done, {len(failed):,} failed, {len(ids):,} enqueued")
    rate = len(runs) / seconds
    print(f"  {rate:,.0f} jobs a second in {seconds:.1f} s, start of the worker included")
    for label, (p50, p95, p99) in (("waited", waits), ("ran", times)):
        print(f"  {label:7} p50 {p50:8.3f} s   p95 {p95:8.3f} s   p99 {p99:8.3f} s")
    if failed:
        print("\n  Files that Python can not read, held as failed:")
        for run in failed:
            print(f"    {names[run.job_id]}\n      {run.error}: {run.message}")
    start = min((run.queued for run in runs), default=None)
    moments = [(run.ended - start).total_seconds() for run in runs if run.ended and start]
    title = f"{len(done):,} files analyzed, {len(failed):,} failed, in {seconds:.1f} s"
    CHART.write_text(draw(title, moments, [("waited", waits), ("ran", times)]), encoding="utf-8")
    return len(done) + len(failed) == len(ids) == len(runs)


async def show_largest(connection: asyncpg.Connection, tree: Path, files: Sequence[Path]) -> None:
    """Print the ten largest modules."""
    print("\n  The ten largest modules:")
    print("     lines functions classes imports  longest function")
    for row in await connection.fetch(LARGEST, [os.fspath(path) for path in files]):
        print(
            f"    {row['lines']:6,} {row['functions']:9,} {row['classes']:7,} {row['imports']:7,}"
            f"  {row['longest_function']:4} {row['longest_function_name']}"
            f"  ({Path(row['path']).relative_to(tree)})"
        )


async def demonstrate(tree: Path) -> int:
    """The whole run; returns the exit code."""
    files = python_files(tree)
    if not files:
        print(f"There is no Python file below {tree}; name another folder: make demo TREE=path")
        return 2
    connection = await asyncpg.connect()
    try:
        print(f"  Enqueuing {len(files):,} files of {tree}")
        ids = await enqueue(connection, files)
        start = time.perf_counter()
        await work(connection, ids)
        seconds = time.perf_counter() - start
        runs = await read_runs(connection, ids)
        complete = report(files, ids, runs, seconds)
        await show_largest(connection, tree, files)
        await Queries(AsyncpgDriver(connection)).mark_job_as_cancelled(
            [run.job_id for run in runs if run.status == "failed"]
        )
    finally:
        await connection.close()
    print(f"\n  Chart: {CHART}")
    if not complete:
        print("  Some files are not accounted for.")
    return 0 if complete else 1


def main() -> int:
    """Start PostgreSQL and run; the first argument is the tree to analyze."""
    tree = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sysconfig.get_path("stdlib"))
    os.environ.setdefault("PGQUEUER_EMBEDDED_DIR", str(ROOT / ".cache" / "demo"))
    print("  Starting an embedded PostgreSQL")
    embedded.join_for_process()
    return asyncio.run(demonstrate(tree.resolve()))


if __name__ == "__main__":
    sys.exit(main())
