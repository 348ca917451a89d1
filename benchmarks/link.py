"""What a measured process and the benchmark tell each other.

A worker says that it is ready on its standard output, and answers each word on its standard input
with a line of JSON. Which jobs have run stands in memory that they share, so that looking at it
costs the worker nothing.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import resource
import signal
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

VARIABLE = "PGQUEUER_BENCH_WORKER"
WORKERS = 8
HEAD = 8 * WORKERS
MORE_THAN_ONCE = 2
ALONE = "one asyncpg connection"
COUNTED = "one asyncpg connection, its statements counted"
"""As the driver of a worker. Counting takes time, so that only an idle one is asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is to do; `tally` is the file in which it counts, as `slot`."""

    tally: str
    slot: int = 0
    payloads: Literal["numbers", "times"] = "numbers"
    limit: int = 0
    driver: str = "asyncpg"
    extra: str = ""

    def environment(self) -> dict[str, str]:
        """What hands the options to the worker."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def read(cls) -> Self:
        """The options that this process was given."""
        return cls(**json.loads(os.environ[VARIABLE]))


class Tally:
    """How many jobs each worker ran, and how often each numbered one did."""

    def __init__(self, path: Path, slot: int = 0) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._slot = slot
        self._counts = memoryview(self._memory)[:HEAD].cast("Q")
        self._runs = memoryview(self._memory)[HEAD:]

    @classmethod
    def create(cls, path: Path, jobs: int) -> Self:
        """A new one, in a file of this name."""
        path.write_bytes(bytes(HEAD + jobs))
        return cls(path)

    def note(self, number: int) -> None:
        """A job ran. Numbers behind the last one are counted, and no more."""
        self._counts[self._slot] += 1
        if number < len(self._runs):
            self._runs[number] = min(self._runs[number] + 1, MORE_THAN_ONCE)

    @property
    def handled(self) -> int:
        """How many runs there were."""
        return sum(self._counts)

    def problem(self) -> str:
        """What is wrong unless each job ran once."""
        runs = bytes(self._runs)
        lost, twice = runs.count(0), runs.count(MORE_THAN_ONCE)
        return f"{lost} jobs never ran, {twice} ran more than once" if lost or twice else ""


class Link:
    """The worker's end: hands on jobs that ran, and answers the benchmark from a thread."""

    def __init__(self, options: WorkerOptions) -> None:
        self.statements = 0
        self.samples = array("q")
        self._tally = Tally(Path(options.tally), options.slot)
        self._go = asyncio.Event()

    def number(self, payload: bytes | None) -> None:
        """A job with its number as payload runs."""
        self._tally.note(int(payload or b"0"))

    def time(self, payload: bytes | None) -> None:
        """A job with the time at which it was sent as payload runs."""
        self.samples.extend((int(payload or b"0"), time.monotonic_ns()))
        self._tally.note(0)

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Say that this process is ready, and answer until it ends."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._answer, args=(loop,), daemon=True).start()
        _say(self._state())
        yield self

    async def go(self) -> None:
        """Wait for the word."""
        await self._go.wait()

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        # Not sys.stdin: what a thread waits for there would be in the way when the process ends.
        while word := os.read(0, 64):
            match word.strip():
                case b"go":
                    _say(self._state())
                    loop.call_soon_threadsafe(self._go.set)
                case b"samples":
                    _say({"samples": self.samples.tolist()})
                case _:
                    _say(self._state())
        # The benchmark is gone.
        os.kill(os.getpid(), signal.SIGTERM)

    def _state(self) -> dict[str, float]:
        return {"cpu": time.process_time(), "rss": _memory(), "statements": self.statements}


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


def _memory() -> float:
    """Resident megabytes: now where the system tells it, else the most there were."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / 1e6 if sys.platform == "darwin" else most / 1e3
