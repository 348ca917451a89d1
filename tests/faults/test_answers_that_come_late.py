"""What a worker is told about an earlier delivery of a job does no harm to the one that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries, Job, QueueManager, RetryRequested
from pgqueuer.models import Context
from pgqueuer.types import JobId, QueueExecutionMode, QueueManagerId
from tests.support.kernel import seconds


async def test_a_heartbeat_answered_late_stops_no_later_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queries = InMemoryQueries(InMemoryDriver())
    manager = QueueManager(queries)
    asked, again, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def lost_in_between(_owner: QueueManagerId, ids: Sequence[JobId]) -> list[JobId]:
        """The job was back in the queue when the statement ran."""
        asked.set()
        await again.wait()
        asyncio.get_running_loop().call_soon(answered.set)
        return list(ids)

    monkeypatch.setattr(queries, "keep_leases", lost_in_between)
    stopped: list[bool] = []

    @manager.entrypoint("job")
    async def handle(job: Job, context: Context) -> None:
        if not job.attempts:
            await asked.wait()
            raise RetryRequested(delay=seconds(0))
        again.set()
        await answered.wait()
        stopped.append(context.canceled)

    await queries.enqueue("job", None)
    async with asyncio.timeout(20):
        await manager.run(mode=QueueExecutionMode.drain, heartbeat_timeout=seconds(0.4))
    assert stopped == [False]
    statuses = [row.status for row in await queries.queue_log()]
    assert statuses == ["queued", "picked", "queued", "picked", "successful"]
