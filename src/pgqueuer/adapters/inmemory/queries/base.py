"""What every part of `InMemoryQueries` stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgqueuer.adapters.inmemory.queries.history import History
from pgqueuer.adapters.inmemory.queries.table import QueueTable
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain import events
from pgqueuer.domain.models import PausedEntrypoint
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import OPERATIONS, QueueEntrypoint
from pgqueuer.ports.driver import Driver

if TYPE_CHECKING:
    from pgqueuer.adapters.inmemory.queries.schedule_table import ScheduleTable


class InMemoryBase:
    """The tables, and the channel on which their changes are told.

    No method gives up control between reading and writing a table, so that each is one
    transaction, whatever number of tasks use the store.
    """

    driver: Driver
    qbe: QueryBuilderEnvironment
    _history: History
    _table: QueueTable
    _schedules: ScheduleTable
    _pauses: dict[QueueEntrypoint, PausedEntrypoint]

    @property
    def settings(self) -> DBSettings:
        """The names that stand in events and reports."""
        return self.qbe.settings

    async def _tell_changed(self, operation: OPERATIONS) -> None:
        channel, table = self.settings.channel, self.settings.queue_table
        await self.driver.notify(channel, events.table_changed(channel, table, operation))
