"""Processes that the benchmark starts, and what it asks them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0
ANSWER_BYTES = 2**28


class ChildError(Exception):
    """A process ended, or did not answer."""


class Child:
    """A worker that is ready."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def check(self) -> None:
        """Raise ChildError if the process is gone."""
        if self._process.returncode is not None:
            raise ChildError(f"the process ended; {self._last_words()}")

    async def ask(self, word: str) -> dict[str, Any]:
        """Say the word and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """What the process says next."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ChildError(f"no answer within {PATIENCE:.0f} s; {self._last_words()}") from None
        if not line:
            raise ChildError(f"the process ended; {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def stop(self) -> float:
        """Ask it to end, as a supervisor does; return the seconds until it has."""
        start = time.perf_counter()
        self._process.terminate()
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
        if code:
            raise ChildError(f"the process ended with {code}; {self._last_words()}")
        return time.perf_counter() - start

    def _last_words(self) -> str:
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-3:])


@asynccontextmanager
async def child(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> AsyncIterator[Child]:
    """A worker of this command, once it is ready; killed at the end if it still runs."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            limit=ANSWER_BYTES,
        )
    started = Child(process, log)
    try:
        await started.answer()
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def result_of(module: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a module to its end, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, errors = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = errors.decode(errors="replace").splitlines()[-3:]
        raise ChildError(f"{module} failed: {' | '.join(lines)}")
    answer: dict[str, Any] = json.loads(out)
    return answer
