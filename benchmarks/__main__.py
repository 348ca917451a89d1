"""Measures the queue: on a PostgreSQL of its own, or on yours.

All that it makes is in schemas named pgqueuer_bench_…, which it drops again; it touches nothing
that exists. Figures of different machines, or of different runs on a busy one, do not compare;
the ratios within one run do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import asyncpg
from rich.console import Console

from benchmarks.charts import svg_chart, terminal_chart
from benchmarks.machine import describe
from benchmarks.measuring import Bench, Size, measure
from benchmarks.place import forget_settings, new_place
from benchmarks.progress import ProgressBar
from benchmarks.results import Results
from benchmarks.scenarios import ALL
from benchmarks.tables import comparison, tables
from pgqueuer.adapters import embedded
from pgqueuer.adapters.cli.cli import asyncio_run

ROOT = Path(__file__).resolve().parents[1]
FULL = Size(jobs=30_000, rounds=3, backlog=300_000, paced=8, lead_in=1, idle=10, pinned=30)
QUICK = Size(
    jobs=5_000, rounds=1, backlog=20_000, paced=1, lead_in=0.3, idle=0.5, pinned=1, quick=True
)


def main() -> int:
    """Run the scenarios in turns and print what they found; 1 if a run was no good."""
    options = _parser().parse_args()
    if options.compare:
        print(comparison(*(Results.read(path) for path in options.compare)))
        return 0
    forget_settings()
    try:
        results = _run(options)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except (OSError, asyncpg.PostgresError) as error:
        print(f"The database can not be used for a benchmark: {error}", file=sys.stderr)
        return 2
    _tell(results, options)
    return 1 if any(row.problems for row in results.rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks")
    add = parser.add_argument
    add("--dsn", help="measure on this database, in which you may create schemas")
    add("--scenario", action="append", choices=list(ALL), help="repeatable; without it, all")
    add("--case", action="append", default=[], help="only cases of this name; repeatable")
    add("--quick", action="store_true", help="small and once: shows that it works, no more")
    add("--jobs", type=_positive, help=f"how many a drain has; {FULL.jobs:,}")
    add("--rounds", type=_positive, help=f"how often each has its turn; {FULL.rounds}")
    add("--backlog", type=_positive, help=f"rows of the scenario backlog; {FULL.backlog:,}")
    add("--pinned", type=_positive, metavar="SECONDS", help=f"of that scenario; {FULL.pinned:g}")
    add("--driver", action="append", default=[], help="for the scenario drivers; repeatable")
    add("--note", default="", metavar="TEXT", help="what to remember with the results")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--chart", type=Path, metavar="FILE.svg", help="draw the main ones")
    add("--compare", type=Path, nargs=2, metavar=("A.json", "B.json"), help="measure nothing")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _run(options: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            dsn=options.dsn or embedded_dsn(),
            size=_size(options),
            folder=Path(folder),
            drivers=options.driver,
        )
        scenarios = [ALL[name] for name in dict.fromkeys(options.scenario or ALL)]

        async def run() -> Results:
            _stop_tidily()
            async with new_place(bench.dsn):
                machine = await describe(bench.dsn, options.note)
            rows = await measure(bench, scenarios, options.case, ProgressBar())
            return Results.of(machine, bench.size, scenarios, rows)

        return asyncio_run(run())


def embedded_dsn() -> str:
    os.environ.setdefault("PGQUEUER_EMBEDDED_DIR", str(ROOT / ".cache" / "bench"))
    return embedded.join_for_process().dsn()


def _stop_tidily() -> None:
    """What ends the benchmark lets it drop its schema first."""
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _size(options: argparse.Namespace) -> Size:
    names = ("jobs", "rounds", "backlog", "pinned")
    given = {name: value for name in names if (value := getattr(options, name))}
    return replace(QUICK if options.quick else FULL, **given)


def _tell(results: Results, options: argparse.Namespace) -> None:
    print(tables(results), end="\n\n")
    terminal_chart(results, Console(file=sys.stdout))
    if options.json:
        results.write(options.json)
    if options.chart:
        options.chart.write_text(svg_chart(results), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
