"""Running a worker in the test's event loop, and waiting for what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from pgqueuer import PgQueuer, QueueManager, SchedulerManager
from pgqueuer.errors import FailingListenerError

PATIENCE = 20.0
"""Seconds after which a condition that should come true counts as never."""


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            holds = condition()
            if not isinstance(holds, bool):
                holds = await holds
            if holds:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def working(
    manager: PgQueuer | QueueManager | SchedulerManager, **options: object
) -> AsyncIterator[asyncio.Task[None]]:
    """Run the manager inside the block, then shut it down and wait for its end."""
    task = asyncio.create_task(manager.run(**options))
    try:
        yield task
    finally:
        manager.shutdown.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


async def listening(manager: QueueManager) -> None:
    """Wait until the manager hears its own notifications, so that none from now on is missed."""

    async def hears() -> bool:
        try:
            await manager.listener_healthy(timeout=seconds(0.5))
        except FailingListenerError:
            return False
        return True

    await until(hears)


def seconds(value: float) -> timedelta:
    """A shorter name for a duration."""
    return timedelta(seconds=value)
