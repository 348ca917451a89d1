"""`Queries`: the queue in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from pgqueuer.adapters.persistence import calls
from pgqueuer.adapters.persistence.completing import CompletingQueries
from pgqueuer.adapters.persistence.enqueue import EnqueueCall
from pgqueuer.adapters.persistence.insights import InsightQueries
from pgqueuer.adapters.persistence.jobs import JobQueries
from pgqueuer.adapters.persistence.merging import Merger, is_mergeable
from pgqueuer.adapters.persistence.pauses import PauseQueries
from pgqueuer.adapters.persistence.producer import Producer
from pgqueuer.adapters.persistence.pruning import PruningQueries
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.schedules import ScheduleQueries
from pgqueuer.adapters.persistence.schema_manager import SchemaManager
from pgqueuer.adapters.persistence.sqlstate import is_unique_violation
from pgqueuer.adapters.persistence.statistics import StatisticsQueries
from pgqueuer.adapters.persistence.sync_queries import SyncQueries
from pgqueuer.domain import events
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import (
    Channel,
    HealthCheckId,
    JobId,
)
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.ports.statements import statement_seconds, statements_within
from pgqueuer.ports.tracing import TracingProtocol

if TYPE_CHECKING:
    import asyncpg
    import psycopg

__all__ = ["EntrypointExecutionParameter", "Queries", "SyncQueries", "is_unique_violation"]


@dataclass
class Queries(
    JobQueries,
    CompletingQueries,
    Producer,
    StatisticsQueries,
    PauseQueries,
    PruningQueries,
    ScheduleQueries,
    InsightQueries,
    SchemaManager,
):
    """Everything that can be done with the queue over one driver.

    The names of the database objects come from `qbe.settings`. Statements run in the caller's
    transaction where the driver's connection is in one.
    """

    driver: Driver
    qbe: QueryBuilderEnvironment = field(default_factory=QueryBuilderEnvironment)
    qbq: QueryQueueBuilder = field(default_factory=QueryQueueBuilder)
    qbs: QuerySchedulerBuilder = field(default_factory=QuerySchedulerBuilder)
    tracer: TracingProtocol | None = None

    def __post_init__(self) -> None:
        """One settings object serves all: whichever builder was given its own decides."""
        shared = QueryBuilderEnvironment().settings
        given = [self.qbe.settings, self.qbq.settings, self.qbs.settings]
        own = next((settings for settings in given if settings is not shared), shared)
        self._share(own)

    def _share(self, settings: DBSettings) -> None:
        for builder in (self.qbe, self.qbq, self.qbs):
            builder.settings = settings

    def use_channel(self, channel: Channel) -> None:
        """Listen, notify and install with this channel instead of the settings' own."""
        if channel != self.settings.channel:
            changed = self.settings.model_dump() | {"channel": channel}
            self._share(DBSettings.model_validate(changed))

    def use_driver(self, driver: Driver) -> None:
        """Send what comes next through `driver`, as after the former one was lost."""
        self.driver = driver

    @property
    def settings(self) -> DBSettings:
        """The names of the database objects."""
        return self.qbe.settings

    @classmethod
    def from_asyncpg_connection(
        cls, connection: asyncpg.Connection, tracer: TracingProtocol | None = None
    ) -> Self:
        """Over one asyncpg connection, which stays the caller's."""
        from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver  # noqa: PLC0415

        return cls(AsyncpgDriver(connection), tracer=tracer)

    @classmethod
    def from_asyncpg_pool(cls, pool: asyncpg.Pool, tracer: TracingProtocol | None = None) -> Self:
        """Over an asyncpg pool, which stays the caller's."""
        from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver  # noqa: PLC0415

        return cls(AsyncpgPoolDriver(pool), tracer=tracer)

    @classmethod
    def from_psycopg_connection(
        cls,
        connection: psycopg.AsyncConnection[object],
        tracer: TracingProtocol | None = None,
    ) -> Self:
        """Over one psycopg connection in autocommit mode, which stays the caller's."""
        from pgqueuer.adapters.drivers.psycopg import PsycopgDriver  # noqa: PLC0415

        return cls(PsycopgDriver(connection), tracer=tracer)

    async def _insert_jobs(self, planned: EnqueueCall) -> list[JobId | None]:
        if self._may_merge and statement_seconds() is None and is_mergeable(planned):
            return await self._merger.insert(planned)
        return await self._send(planned.call)

    @property
    def _may_merge(self) -> bool:
        # Not isinstance(), which is slow for protocols.
        return getattr(self.driver, "alike_sessions", False) is True

    @cached_property
    def _merger(self) -> Merger:
        return Merger(lambda planned: self._send(planned.call))

    async def clear_queue(self, entrypoint: str | list[str] | None = None) -> None:
        """Delete the jobs of these entrypoints, with a log row each; None truncates, without."""
        if entrypoint is None:
            await self.driver.execute(self.statements["truncate_queue"])
            return
        names = [entrypoint] if isinstance(entrypoint, str) else list(entrypoint)
        message = events.table_changed(self.settings.channel, self.settings.queue_table, "delete")
        await self._fetch("delete_entrypoints", names, message)

    async def mark_job_as_cancelled(self, ids: list[JobId]) -> None:
        """Delete jobs, queued, picked or held, and ask the handlers that run them to stop."""
        await self.cancel_jobs(ids)

    async def cancel_jobs(self, ids: list[JobId]) -> int:
        """As `mark_job_as_cancelled`; return the number of jobs that were there."""
        return await self._send(calls.cancel_jobs(self.settings, ids))

    async def requeue_jobs(self, ids: list[JobId]) -> None:
        """Put held jobs back to the queue as if they were new; others are left alone."""
        await self.requeue_failed(ids)

    async def requeue_failed(self, ids: list[JobId]) -> int:
        """As `requeue_jobs`; return the number of jobs that were put back.

        Raises DuplicateJobError, and changes nothing, if an active job holds the dedupe key of one.
        """
        return await self._send(calls.requeue_failed(self.settings, ids))

    async def notify_job_cancellation(self, ids: list[JobId]) -> None:
        """Ask the handlers that run these jobs to stop; the queue is left as it is."""
        for message in events.cancellations(self.settings.channel, ids):
            await self.driver.notify(self.settings.channel, message)

    async def notify_health_check(self, health_check_event_id: HealthCheckId) -> None:
        """Send a message that only the listener that waits for this id answers."""
        channel = self.settings.channel
        with statements_within(self.settings.statement_timeout):
            await self.driver.notify(channel, events.health_check(channel, health_check_event_id))

    async def notify_work(self) -> None:
        """Tell idle workers that there may be something to claim."""
        with statements_within(self.settings.statement_timeout):
            await self.driver.notify(self.settings.channel, self._changed_message())
