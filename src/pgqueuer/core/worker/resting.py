"""What a worker does that found fewer jobs than it wanted: it rests until something happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from pgqueuer.core.backoff import jittered
from pgqueuer.core.logconfig import logger
from pgqueuer.core.worker.listener import QueueListener
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.core.worker.wakeup import Wakeup
from pgqueuer.domain.lifecycle import EntrypointTerms, Outlook
from pgqueuer.domain.types import QueueEntrypoint
from pgqueuer.ports.repository import JobStore

LULL = 0.1
"""Seconds without news after which a worker asks how long it may rest."""

SATURATED_POLL = 1.5
UNHEARD_POLL = 1.0
"""Seconds between looks while jobs wait for a seat, and while notifications can not be heard."""


class Rest:
    """Waits for news of the queue, and looks at it as seldom as may be meanwhile."""

    def __init__(
        self,
        store: JobStore,
        terms: Mapping[QueueEntrypoint, EntrypointTerms],
        wakeup: Wakeup,
        shutdown: asyncio.Event,
        options: RunOptions,
        shortest_poll: timedelta,
    ) -> None:
        self._store = store
        self._terms = terms
        self._wakeup = wakeup
        self._shutdown = shutdown
        self._longest = options.dequeue_timeout.total_seconds()
        self._shortest = shortest_poll.total_seconds()
        self._warned: set[str] = set()

    async def until_news(self, listener: QueueListener) -> None:
        """Return on news; without any, ask what may be expected and wait for that."""
        if await self._wakeup.wait(LULL):
            return
        outlook = await self._look()
        while not outlook.ready and not self._shutdown.is_set():
            if await self._wakeup.wait(self._nap(outlook, listener.healthy)):
                return
            outlook = await self._look()

    async def _look(self) -> Outlook:
        outlook = await self._store.outlook(self._terms)
        for entrypoint in set(outlook.other_limits) - self._warned:
            self._warned.add(entrypoint)
            logger.warning(
                "Other workers hold more jobs of %s than its concurrency_limit of %s here; "
                "declare the same limit everywhere, as the highest one counts",
                entrypoint,
                self._terms[QueueEntrypoint(entrypoint)].concurrency_limit,
            )
        return outlook

    def _nap(self, outlook: Outlook, heard: bool) -> float:
        naps = [jittered(self._longest)]
        if outlook.saturated:
            naps.append(jittered(SATURATED_POLL))
        if not heard:
            naps.append(jittered(UNHEARD_POLL))
        longest = max(min(naps), self._shortest)
        if outlook.next_eligible is None:
            return longest
        return min(longest, max(outlook.next_eligible.total_seconds(), 0.001))
