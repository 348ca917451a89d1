"""The processes of one entrypoint."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pgqueuer_process.process import ChildProcess

IDLE_SECONDS = 60.0
"""A process that had nothing to do for so long is ended."""


class ProcessPool:
    """At most `size` processes, each for `jobs_per_process` functions.

    They end when they are idle, and with the event loop.
    """

    def __init__(self, *, size: int, jobs_per_process: int, memory_limit: int | None) -> None:
        self._seats = asyncio.Semaphore(size)
        self._jobs_per_process = jobs_per_process
        self._memory_limit = memory_limit
        self._children: set[ChildProcess] = set()
        self._idle: list[ChildProcess] = []
        self._keeper: asyncio.Task[None] | None = None

    async def run(self, request: bytes, time_limit: timedelta | None) -> None:
        """Run a pickled function and raise what it raises.

        A function that takes longer than `time_limit`, or whose task is canceled, ends its process.
        """
        async with self._seats:
            child = await self._take()
            try:
                error = await _within(time_limit, child, request)
            except BaseException:
                await self._discard(child)
                raise
            await self._give_back(child)
        if error is not None:
            raise error

    async def _take(self) -> ChildProcess:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await self._discard(child)
        child = await ChildProcess.start(self._memory_limit)
        self._children.add(child)
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        return child

    async def _give_back(self, child: ChildProcess) -> None:
        if child.served >= self._jobs_per_process:
            await self._discard(child)
        else:
            child.idle_since = asyncio.get_running_loop().time()
            self._idle.append(child)

    async def _discard(self, child: ChildProcess) -> None:
        self._children.discard(child)
        await child.kill()

    async def _keep(self) -> None:
        """End idle processes, and all of them when the event loop ends its tasks."""
        try:
            while self._children:
                await asyncio.sleep(IDLE_SECONDS)
                long_ago = asyncio.get_running_loop().time() - IDLE_SECONDS
                for child in [one for one in self._idle if one.idle_since <= long_ago]:
                    if child in self._idle:  # not taken meanwhile
                        self._idle.remove(child)
                        await self._discard(child)
        finally:
            children, self._children, self._idle = self._children, set(), []
            await asyncio.gather(*(child.kill() for child in children))


async def _within(
    time_limit: timedelta | None, child: ChildProcess, request: bytes
) -> Exception | None:
    scope = asyncio.timeout(time_limit.total_seconds() if time_limit else None)
    try:
        async with scope:
            return await child.call(request)
    except TimeoutError:
        raise TimeoutError(
            f"The function took longer than its time_limit of {time_limit}"
        ) from None
