"""Keeping hold of background tasks until they end."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from pgqueuer.core.logconfig import logger


class TaskManager:
    """Holds background tasks, which the event loop alone does not keep alive.

    A task that fails is logged with its traceback. Leaving the context waits for all tasks, those
    too that are added meanwhile; nothing is cancelled.
    """

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[object]] = set()

    def add(self, task: asyncio.Task[object]) -> None:
        """Keep `task` until it ends."""
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    async def gather_tasks(self, return_exceptions: bool = True) -> list[object]:
        """Wait for the tasks held now and return their results, in no particular order.

        With `return_exceptions` an exception stands in for the result of a task that failed, else
        the first one is raised.
        """
        return await asyncio.gather(*self.tasks, return_exceptions=return_exceptions)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self.tasks:
            await asyncio.wait(set(self.tasks))

    def _ended(self, task: asyncio.Task[object]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The task %s failed", task.get_name(), exc_info=error)


class cancel_on_exit:  # noqa: N801 - used like a function
    """A context that cancels `task` when it is left, by `with` at once, by `async with` and waits.

    How the task ended is discarded.
    """

    def __init__(self, task: asyncio.Task[object]) -> None:
        self._task = task

    def __enter__(self) -> asyncio.Task[object]:
        return self._task

    def __exit__(self, *exc: object) -> None:
        self._task.cancel()
        discard_outcome(self._task)

    async def __aenter__(self) -> asyncio.Task[object]:
        return self._task

    async def __aexit__(self, *exc: object) -> None:
        await cancel_and_wait(self._task)


async def cancel_and_wait(task: asyncio.Task[object]) -> None:
    """Cancel `task` and wait until it has ended, however it ended.

    Only a cancellation of the caller is raised.
    """
    task.cancel()
    await asyncio.wait({task})
    discard_outcome(task)


def discard_outcome(task: asyncio.Future[Any]) -> None:
    """Count the exception of `task` as seen, so that asyncio does not complain about it.

    A task that is still running is seen to when it ends.
    """
    if not task.done():
        task.add_done_callback(discard_outcome)
    elif not task.cancelled():
        task.exception()
