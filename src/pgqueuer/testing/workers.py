"""Running a worker until there is nothing left to do."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pgqueuer import PgQueuer
from pgqueuer.domain.types import QueueExecutionMode

__all__ = ["drain"]


async def drain(pgq: PgQueuer, timeout: timedelta = timedelta(seconds=30)) -> None:
    """Run what is queued and return; raises TimeoutError when that takes longer than `timeout`.

    Deferred jobs and retries are waited for. May be called again for more jobs.
    """
    pgq.shutdown.clear()
    async with asyncio.timeout(timeout.total_seconds()):
        await pgq.run(mode=QueueExecutionMode.drain)
