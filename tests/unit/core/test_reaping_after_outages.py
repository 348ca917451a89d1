"""Living workers get time to renew their leases before anybody takes their jobs over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from pgqueuer.core.worker.lease import Reaper
from pgqueuer.domain.lifecycle import Outlook, ReapReport
from pgqueuer.domain.types import QueueManagerId

LEASE = timedelta(seconds=0.4)


class Store:
    """Is away for so many calls, then answers; notes what it was asked."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.asked: list[tuple[str, float]] = []
        self.reaped = asyncio.Event()

    def _answer(self, question: str) -> None:
        self.asked.append((question, asyncio.get_running_loop().time()))
        if self.away:
            self.away -= 1
            raise ConnectionError("away")

    async def outlook(self, *_: object) -> Outlook:
        self._answer("outlook")
        return Outlook(ready=False, saturated=False, next_eligible=None)

    async def reap(self, *_: object) -> ReapReport:
        self._answer("reap")
        self.reaped.set()
        return ReapReport(requeued=0, parked=0, suspects=False, next_expiry=None)


async def asked_until_the_first_reap(store: Store, **options: bool) -> list[tuple[str, float]]:
    reaper = Reaper(store, QueueManagerId(uuid4()), LEASE, {}, lambda _: None, **options)
    task = asyncio.create_task(reaper.run())
    await store.reaped.wait()
    task.cancel()
    return store.asked


async def test_a_start_looks_at_once():
    assert [each for each, _ in await asked_until_the_first_reap(Store())] == ["reap"]


async def test_after_an_outage_nothing_is_taken_over_for_half_a_lease():
    asked = await asked_until_the_first_reap(Store(away=3))
    assert [each for each, _ in asked] == ["reap", "outlook", "outlook", "outlook", "reap"]
    assert asked[-1][1] - asked[-2][1] >= LEASE.total_seconds() / 2


async def test_a_manager_that_follows_a_lost_connection_waits_too():
    asked = await asked_until_the_first_reap(Store(), after_outage=True)
    assert [each for each, _ in asked] == ["outlook", "reap"]
