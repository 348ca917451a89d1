"""`InMemoryQueries`: the queue without a database, for tests and for work within one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pgqueuer.adapters.inmemory.queries.history import History
from pgqueuer.adapters.inmemory.queries.insights import Insights
from pgqueuer.adapters.inmemory.queries.jobs import Jobs
from pgqueuer.adapters.inmemory.queries.pruning import Pruning
from pgqueuer.adapters.inmemory.queries.schedule_table import ScheduleTable
from pgqueuer.adapters.inmemory.queries.statistics import Statistics, percentile_cont
from pgqueuer.adapters.inmemory.queries.table import QueueTable
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.structure import SchemaPart
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.tracing import TracingProtocol

__all__ = ["InMemoryQueries", "percentile_cont"]


@dataclass(eq=False)
class InMemoryQueries(Jobs, Statistics, Pruning, Insights):
    """Behaves as `Queries` does; the jobs live in this object and end with it.

    Producers and workers share one object, and one event loop. Seats are counted, so `Job.slot`
    stays None. There is no schema to install: every check finds what it looks for.
    """

    driver: Driver
    tracer: TracingProtocol | None = None
    qbe: QueryBuilderEnvironment = field(default_factory=QueryBuilderEnvironment)

    def __post_init__(self) -> None:
        self._history = History()
        self._table = QueueTable(self._history)
        self._schedules = ScheduleTable()
        self._pauses = {}

    def use_channel(self, channel: Channel) -> None:
        """Replace the channel of the settings."""
        changed = self.settings.model_dump() | {"channel": channel}
        self.qbe.settings = DBSettings.model_validate(changed)

    async def trigger_channel(self) -> str | None:
        """The channel of the settings, for there is no trigger."""
        return self.settings.channel

    async def first_missing(self, parts: Sequence[SchemaPart]) -> SchemaPart | None:
        """None, as nothing is missing."""
        return None

    async def install(self, create_schema: bool = True) -> None:
        """Nothing to do."""

    async def upgrade(self) -> None:
        """Nothing to do."""

    async def uninstall(self) -> None:
        """Forget jobs, history, schedules and pauses."""
        self._table.clear()
        self._history.clear()
        self._schedules.rows.clear()
        self._pauses.clear()

    async def has_table(self, table: str) -> bool:
        """True."""
        return True

    async def table_has_column(self, table: str, column: str) -> bool:
        """True."""
        return True

    async def table_has_index(self, table: str, index: str) -> bool:
        """True."""
        return True

    async def has_user_defined_enum(self, key: str, enum: str) -> bool:
        """True."""
        return True

    async def has_function(self, function: str) -> bool:
        """True."""
        return True

    async def has_trigger(self, trigger: str) -> bool:
        """True."""
        return True
