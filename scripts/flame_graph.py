"""Draws where the processor time of a worker at full speed goes, and prints the shares.

`make flame`, or `python scripts/flame_graph.py [--jobs N] [FILE.svg]`, on an embedded PostgreSQL.
py-spy looks at the worker; what uvloop and asyncpg do in C counts for the Python function that
called it, else for the event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.__main__ import QUICK, embedded_dsn  # noqa: E402
from benchmarks.contestants import Library  # noqa: E402
from benchmarks.link import Tally  # noqa: E402
from benchmarks.measuring import Bench  # noqa: E402
from benchmarks.place import forget_settings, new_place  # noqa: E402
from benchmarks.running import Drain, until, worker  # noqa: E402
from pgqueuer.adapters.cli.cli import asyncio_run  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "worker-flame.svg"
SAMPLES_A_SECOND = 400
LOOP = "Runner.run"
FRAME = re.compile(r"(?P<name>.+) \((?P<file>[^()]*?)(:\d+)?\)")
WIDTH, LINE, LETTER = 1000, 17, 6.4
SMALLEST = 0.003
COLORS = {"pgqueuer": "#7fb2e5", "asyncpg": "#f0b27a", "benchmarks": "#b7d7a8"}
OTHER = "#cfd4da"


@dataclass
class Call:
    """A function where it was called, with the samples in it and below it."""

    name: str = "the event loop: uvloop, asyncpg in C"
    package: str = ""
    samples: int = 0
    calls: dict[str, Call] = field(default_factory=dict)


def main() -> None:
    """Record, draw, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("picture", type=Path, nargs="?", default=PICTURE)
    options = parser.parse_args()
    forget_settings()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(dsn=embedded_dsn(), size=QUICK, folder=Path(folder))
        stacks = asyncio_run(record(bench, options.jobs))
    loop = tree(stacks)
    options.picture.write_text(drawing(loop), encoding="utf-8")
    sys.stdout.writelines(f"{line}\n" for line in shares(loop))


async def record(bench: Bench, jobs: int) -> str:
    """The stacks of a worker that drains so many jobs, a line each, with their samples."""
    work, library, found = Drain(jobs=jobs), Library(), bench.folder / "stacks"
    async with new_place(bench.dsn) as place:
        await library.install(place)
        await library.fill(place, jobs)
        await library.tidy(place)
        tally = Tally.create(bench.folder / "tally", jobs)
        async with worker(bench, place, library, work) as one:
            spy = await _spy(one.pid, found)
            await one.ask("go")
            await until(lambda: tally.handled >= jobs, [one])
            spy.send_signal(signal.SIGINT)
            await spy.communicate()
    return found.read_text()


async def _spy(pid: int, found: Path) -> asyncio.subprocess.Process:
    """py-spy, once it looks."""
    options = {"--pid": pid, "--output": found, "--rate": SAMPLES_A_SECOND, "--format": "raw"}
    spy = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("py-spy"),
        "record",
        "--function",
        *(str(word) for option in options.items() for word in option),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = await spy.stdout.readline() if spy.stdout else b""
    if b"Sampling" not in said:
        rest, _ = await spy.communicate()
        raise SystemExit(f"py-spy does not start: {(said + rest).decode()}")
    return spy


def tree(stacks: str) -> Call:
    """The calls from the event loop on; other threads and the way there are left out."""
    loop = Call()
    for stack, _, count in (line.rpartition(" ") for line in stacks.splitlines()):
        frames = stack.split(";")
        names = [_split(frame) for frame in frames]
        if LOOP not in (name for name, _ in names):
            continue
        loop.samples += int(count)
        call = loop
        start = next(place for place, (name, _) in enumerate(names) if name == LOOP)
        for name, package in names[start + 1 :]:
            call = call.calls.setdefault(name, Call(name, package))
            call.samples += int(count)
    return loop


def _split(frame: str) -> tuple[str, str]:
    """The name of a function, and the package it is of."""
    found = FRAME.fullmatch(frame)
    if found is None:
        return frame, ""
    return found["name"].replace("<locals>.", ""), found["file"].split("/")[0]


def shares(loop: Call, call: Call | None = None, depth: int = 0) -> Iterator[str]:
    """What took 3 % or more, indented under its caller."""
    call = call or loop
    own = call.samples - sum(below.samples for below in call.calls.values())
    yield (
        f"{call.samples / loop.samples:6.1%} {own / loop.samples:6.1%} {'  ' * depth}{call.name}"
    )
    for below in sorted(call.calls.values(), key=lambda one: -one.samples):
        if below.samples >= 0.03 * loop.samples:
            yield from shares(loop, below, depth + 1)


def drawing(loop: Call) -> str:
    """A picture: a function is as wide as its share, and stands under its caller."""
    parts = list(_boxes(loop, loop, 0.0, 0))
    height = (1 + max(depth for depth, _ in parts)) * LINE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
            "<style>text { font: 11px monospace; fill: #111 } rect { stroke: #fff }</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            *(part for _, part in parts),
            "</svg>\n",
        ]
    )


def _boxes(loop: Call, call: Call, left: float, depth: int) -> Iterator[tuple[int, str]]:
    share = call.samples / loop.samples
    if share < SMALLEST:
        return
    width, top = share * WIDTH, depth * LINE
    letters = int((width - 4) / LETTER)
    shown = call.name if len(call.name) <= letters else f"{call.name[: letters - 1]}…"
    text = f'<text x="{left + 3:.1f}" y="{top + 12}">{escape(shown)}</text>' if letters > 3 else ""
    yield (
        depth,
        f'<g><title>{escape(call.name)}: {share:.1%}</title><rect x="{left:.1f}" y="{top}" '
        f'width="{width:.1f}" height="{LINE - 1}" fill="{COLORS.get(call.package, OTHER)}"/>'
        f"{text}</g>",
    )
    for below in sorted(call.calls.values(), key=lambda one: one.name):
        yield from _boxes(loop, below, left, depth + 1)
        left += below.samples / loop.samples * WIDTH


if __name__ == "__main__":
    main()
