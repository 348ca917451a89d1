"""What plugins cost: a job, and the start of a program, each beside the same without plugins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.contestants import Library
from benchmarks.measuring import Bench, Case, Outcome, Run, Scenario
from benchmarks.running import CPU, RATE, Drain, drain
from benchmarks.scenarios.start import CPU as START_CPU
from benchmarks.scenarios.start import SECONDS, started

IDLE = 10
NONE = "no plugin"
LOAD = "from pgqueuer.plugins import installed_plugins; installed_plugins()"
PLUGIN = """
from pgqueuer.plugins import TracerSpec, hookimpl

@hookimpl
def pgqueuer_register_tracers():
    yield TracerSpec(name="{name}", factory="nowhere:tracer")
"""


def _job_cases(bench: Bench) -> Sequence[Case]:
    folder = bench.folder / "idle-plugins"
    if not folder.exists():
        add_idle_plugins(folder)
    jobs = bench.size.jobs
    workers = {
        NONE: Drain(jobs=jobs),
        "no plugin, again": Drain(jobs=jobs),
        "one tracer": Drain(jobs=jobs, extra="tracer"),
        "one observer": Drain(jobs=jobs, extra="observer"),
        f"{IDLE} idle plugins": Drain(jobs=jobs, environment={"PYTHONPATH": str(folder)}),
    }
    runs: dict[str, Run] = {
        name: partial(drain, contestant=Library(), work=work) for name, work in workers.items()
    }
    return [Case(name="drain", runs=runs, base=NONE)]


def _start_cases(bench: Bench) -> Sequence[Case]:
    folder = bench.folder / "idle-plugins"
    if not folder.exists():
        add_idle_plugins(folder)
    programs = {
        "no discovery": ("import pgqueuer.plugins", ""),
        "bundled plugins": (LOAD, ""),
        f"{IDLE} more": (LOAD, str(folder)),
    }
    runs: dict[str, Run] = {
        name: partial(_start, code=code, path=path) for name, (code, path) in programs.items()
    }
    return [Case(name="start", runs=runs, base="no discovery")]


async def _start(bench: Bench, code: str, path: str) -> Outcome:
    environment = {**os.environ, "PYTHONPATH": path}
    return Outcome(figures=await asyncio.to_thread(started, ("-c", code), environment))


def add_idle_plugins(folder: Path) -> None:
    """Distributions as pip leaves them, each with a plugin that offers a tracer."""
    folder.mkdir()
    for number in range(IDLE):
        name = f"idle_{number}"
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name))
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[pgqueuer]\n{name} = {name}\n")


PLUGINS = Scenario(
    name="plugins",
    about="A drain with and without plugins; ratios are to the one without.",
    figures=(CPU, RATE),
    cases=_job_cases,
)
PLUGIN_START = Scenario(
    name="plugin-start",
    about="A Python process that loads the plugins.",
    figures=(START_CPU, SECONDS),
    cases=_start_cases,
)
