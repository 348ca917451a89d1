"""The worker of the demonstration: `pgq run demo.worker:main` runs it."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import astuple

import asyncpg

from demo.analysis import Figures, analyze
from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer

ENTRYPOINT = "analyze"

FIGURES_TABLE = """
CREATE TABLE IF NOT EXISTS demo_figures (
    path TEXT PRIMARY KEY,
    lines INT NOT NULL,
    code_lines INT NOT NULL,
    functions INT NOT NULL,
    classes INT NOT NULL,
    imports INT NOT NULL,
    longest_function INT NOT NULL,
    longest_function_name TEXT NOT NULL
)
"""
SAVE = """
INSERT INTO demo_figures VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (path) DO UPDATE SET
    lines = excluded.lines,
    code_lines = excluded.code_lines,
    functions = excluded.functions,
    classes = excluded.classes,
    imports = excluded.imports,
    longest_function = excluded.longest_function,
    longest_function_name = excluded.longest_function_name
"""


def analyze_quietly(path: str) -> Figures:
    """As `analyze`; what a source file is warned for is its own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return analyze(path)


@asynccontextmanager
async def main() -> AsyncIterator[PgQueuer]:
    """One pool for the queue and the results, and processes for the parsing."""
    async with asyncpg.create_pool(min_size=2, max_size=8) as pool:
        with ProcessPoolExecutor(os.cpu_count()) as processes:
            pgq = PgQueuer(AsyncpgPoolDriver(pool))

            @pgq.entrypoint(ENTRYPOINT, on_failure="hold")
            async def analyze_file(job: Job) -> None:
                path = os.fsdecode(job.payload or b"")
                loop = asyncio.get_running_loop()
                figures = await loop.run_in_executor(processes, analyze_quietly, path)
                await pool.execute(SAVE, path, *astuple(figures))

            yield pgq
