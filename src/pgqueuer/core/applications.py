"""The composition root: a queue manager and a scheduler over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from pgqueuer.core.entrypoints import EntrypointRegistrar
from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.domain.types import Channel, MissedTicks, QueueExecutionMode
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.repository import RepositoryPort

if TYPE_CHECKING:
    import asyncpg
    import psycopg

    from pgqueuer.core.executors import (
        AbstractScheduleExecutor,
        ScheduleCrontab,
        ScheduleExecutorFactoryParameters,
    )

    ScheduleExecutorFactory = Callable[
        [ScheduleExecutorFactoryParameters], AbstractScheduleExecutor
    ]
    ScheduleHandler = TypeVar("ScheduleHandler", bound=ScheduleCrontab)


@dataclass
class PgQueuer(EntrypointRegistrar):
    """Registers handlers and schedules, and runs them.

    `queries` left out becomes `Queries(connection)`. One shutdown event and one `resources`
    mapping serve both managers. Once `run` has ended, `shutdown` is set; clear it to run again.
    """

    connection: Driver
    channel: Channel = field(default_factory=lambda: Channel(""))
    resources: MutableMapping[str, object] = field(default_factory=dict)
    queries: RepositoryPort | None = None

    shutdown: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    qm: QueueManager = field(init=False)
    sm: SchedulerManager = field(init=False)

    def __post_init__(self) -> None:
        queries = self.queries if self.queries is not None else _queries_over(self.connection)
        self.queries = queries
        self.qm = QueueManager(queries, self.channel, self.resources)
        self.channel = self.qm.channel
        self.sm = SchedulerManager(queries, self.resources)
        self.qm.shutdown = self.sm.shutdown = self.shutdown

    @classmethod
    def from_asyncpg_connection(
        cls,
        connection: asyncpg.Connection,
        channel: Channel | None = None,
        resources: MutableMapping[str, object] | None = None,
    ) -> Self:
        """Over one asyncpg connection, which stays the caller's."""
        from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver  # noqa: PLC0415

        return cls._over(AsyncpgDriver(connection), channel, resources)

    @classmethod
    def from_asyncpg_pool(
        cls,
        pool: asyncpg.Pool,
        channel: Channel | None = None,
        resources: MutableMapping[str, object] | None = None,
    ) -> Self:
        """Over an asyncpg pool of at least two connections, which stays the caller's."""
        from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver  # noqa: PLC0415

        return cls._over(AsyncpgPoolDriver(pool), channel, resources)

    @classmethod
    def from_psycopg_connection(
        cls,
        connection: psycopg.AsyncConnection[object],
        channel: Channel | None = None,
        resources: MutableMapping[str, object] | None = None,
    ) -> Self:
        """Over one psycopg connection in autocommit mode, which stays the caller's."""
        from pgqueuer.adapters.drivers.psycopg import PsycopgDriver  # noqa: PLC0415

        return cls._over(PsycopgDriver(connection), channel, resources)

    @classmethod
    def in_memory(
        cls,
        channel: Channel | None = None,
        resources: MutableMapping[str, object] | None = None,
    ) -> Self:
        """Without a database, for tests and trials; jobs live as long as the object."""
        from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries  # noqa: PLC0415

        driver = InMemoryDriver()
        return cls._over(driver, channel, resources, InMemoryQueries(driver))

    @classmethod
    def _over(
        cls,
        driver: Driver,
        channel: Channel | None,
        resources: MutableMapping[str, object] | None,
        queries: RepositoryPort | None = None,
    ) -> Self:
        return cls(driver, channel or Channel(""), {} if resources is None else resources, queries)

    def register_executor(self, name: str, executor: AbstractEntrypointExecutor) -> None:
        """Register a ready executor; raises RuntimeError for a name that is taken."""
        self.qm.register_executor(name, executor)

    def require_free(self, name: str) -> None:
        """Raise RuntimeError for a name that is taken."""
        self.qm.require_free(name)

    def schedule(
        self,
        entrypoint: str,
        expression: str,
        executor_factory: ScheduleExecutorFactory | None = None,
        clean_old: bool = False,
        accepts_context: bool | None = None,
        *,
        timezone: str | None = None,
        missed: MissedTicks = "once",
        jitter: timedelta = timedelta(0),
        executor: str | None = None,
        executor_options: Mapping[str, object] | None = None,
    ) -> Callable[[ScheduleHandler], ScheduleHandler]:
        """Register a schedule; see `SchedulerManager.schedule`."""
        return self.sm.schedule(
            entrypoint,
            expression,
            executor_factory,
            clean_old,
            accepts_context,
            timezone=timezone,
            missed=missed,
            jitter=jitter,
            executor=executor,
            executor_options=executor_options,
        )

    async def run(
        self,
        dequeue_timeout: timedelta = timedelta(seconds=30),
        batch_size: int | None = None,
        mode: QueueExecutionMode = QueueExecutionMode.continuous,
        max_concurrent_tasks: int | None = None,
        shutdown_on_listener_failure: bool = False,
        heartbeat_timeout: timedelta = timedelta(seconds=30),
        log_aggregation_interval: timedelta = timedelta(seconds=30),
    ) -> None:
        """Run both managers until `shutdown`, or until the queue is drained in drain mode.

        The first one to fail ends the other, and its exception is raised. For the settings see
        `QueueManager.run`.
        """
        options = RunOptions(
            dequeue_timeout=dequeue_timeout,
            batch_size=batch_size,
            mode=mode,
            max_concurrent_tasks=max_concurrent_tasks,
            shutdown_on_listener_failure=shutdown_on_listener_failure,
            heartbeat_timeout=heartbeat_timeout,
            log_aggregation_interval=log_aggregation_interval,
        )
        try:
            # Neither works before both can.
            await self.qm.prepare()
            await self.sm.prepare()
            queue = asyncio.create_task(self.qm.run(**asdict(options)))
            queue.add_done_callback(lambda _: self.shutdown.set())
            scheduler = asyncio.create_task(self.sm.run(heartbeat_timeout))
            await _first_failure_ends_all([queue, scheduler])
        finally:
            self.shutdown.set()


async def _first_failure_ends_all(tasks: list[asyncio.Task[None]]) -> None:
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        for secondary in failures[1:]:
            logger.error("The other manager failed while it was stopped", exc_info=secondary)
        if failures:
            # Also where the wait was canceled, as it may name jobs whose outcome is not written.
            raise failures[0]


def _queries_over(connection: Driver) -> RepositoryPort:
    from pgqueuer.adapters.persistence.queries import Queries  # noqa: PLC0415

    return Queries(connection)
