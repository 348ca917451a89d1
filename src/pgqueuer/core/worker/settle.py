"""Writes the outcomes of jobs in batches; a batch is what `flush_items` gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from pgqueuer.core.buffers import TimedOverflowBuffer
from pgqueuer.core.salvage import blames_a_value, storable
from pgqueuer.domain.lifecycle import Settlement
from pgqueuer.domain.types import JobId
from pgqueuer.ports.repository import JobStore

BATCH = 500
LINGER = timedelta(milliseconds=50)
"""How long an outcome waits for company. It keeps its lease meanwhile."""

COMPANY = 32
"""So many outcomes are worth a statement of their own when no more are about to come."""


class SettleBuffer(TimedOverflowBuffer[Settlement]):
    """Collects settlements and writes them; `on_settled(written, lost)` follows each batch."""

    def __init__(
        self,
        store: JobStore,
        on_settled: Callable[[Sequence[Settlement], Sequence[JobId]], None],
    ) -> None:
        super().__init__(BATCH, timeout=LINGER)
        self._store = store
        self._on_settled = on_settled
        self._unsure = False

    @property
    def unsure(self) -> bool:
        """Whether outcomes may have been written without our knowing, until they are tried again.

        A job that was put back so and claimed anew by the same owner would get its old outcome
        once more.
        """
        return self._unsure

    def write_unless_few(self) -> None:
        """Nothing runs any more: have what waits written now, if that is worth it."""
        if self.events.qsize() >= COMPANY:
            self.request_flush()

    async def flush_items(self, items: list[Settlement]) -> None:
        """Write the outcomes; each is fenced by its owner, so that twice does no harm."""
        try:
            lost = await self._store.settle(items)
        except BaseException as error:
            self._unsure = not (isinstance(error, Exception) and blames_a_value(error))
            raise
        self._unsure = False
        self._on_settled(items, lost)

    def replace_refused(self, item: Settlement, error: Exception) -> Settlement:
        """The outcome with a traceback that any database takes, as nothing else is foreign text."""
        if item.traceback is None:
            return item
        return item._replace(traceback=storable(item.traceback))
