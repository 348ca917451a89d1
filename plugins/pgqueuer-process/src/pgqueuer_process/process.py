"""A process that runs functions, as the worker sees it."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from anyio import CancelScope

from pgqueuer_process.child import LENGTH, READY
from pgqueuer_process.errors import JobProcessDied

# It finds modules where this one does, also where `sys.path` was changed.
START = "import sys; sys.path[:] = {path!r}; from pgqueuer_process.child import main; main()"


class ChildProcess:
    """One interpreter at the head of a process group of its own; runs one function at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101 - as above
        self.served = 0
        self.idle_since = 0.0
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls, memory_limit: int | None) -> ChildProcess:
        """A new interpreter; it limits each function to `memory_limit` bytes."""
        child = cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", START.format(path=sys.path), str(memory_limit or 0)),
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,
            )
        )
        try:
            # Its start is no part of the time of the function.
            await child._read(len(READY))
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def is_alive(self) -> bool:
        """Whether it could run another function."""
        return self._process.returncode is None and not self._answers.at_eof()

    async def call(self, request: bytes) -> Exception | None:
        """Run a pickled function to its end; return what it raised.

        Raises JobProcessDied when the process ends first.
        """
        self.served += 1
        self._requests.write(LENGTH.pack(len(request)) + request)
        head = await self._read(LENGTH.size)
        answer = await self._read(LENGTH.unpack(head)[0])
        error: Exception | None = pickle.loads(answer)  # noqa: S301 - from our own process
        return error

    async def kill(self) -> None:
        """End it and what it started in its process group; return when it has ended."""
        # The group outlives its head while one of its members does.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._requests.close()
        with CancelScope(shield=True):
            await self._process.wait()

    async def _read(self, size: int) -> bytes:
        try:
            return await self._answers.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise JobProcessDied(await self._process.wait()) from None
