"""The queue manager: which entrypoints there are, and running their jobs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta

from pgqueuer.core.buffers import JobStatusLogBuffer
from pgqueuer.core.entrypoints import EntrypointRegistrar
from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.core.retention import prune_regularly
from pgqueuer.core.structure import verify_queue_structure
from pgqueuer.core.tracing import TracerGuard
from pgqueuer.core.worker.continuity import Continuity
from pgqueuer.core.worker.dispatch import failure_record
from pgqueuer.core.worker.history import aggregate_regularly
from pgqueuer.core.worker.listener import QueueListener, channels_of, check_listener
from pgqueuer.core.worker.observing import Observers
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.core.worker.wakeup import Wakeup
from pgqueuer.core.worker.worker import Worker, WorkerParts
from pgqueuer.domain.models import Context, HealthCheckEvent, Job
from pgqueuer.domain.types import (
    Channel,
    HealthCheckId,
    JobId,
    QueueEntrypoint,
    QueueExecutionMode,
    QueueManagerId,
)
from pgqueuer.ports.driver import is_behind_pooler
from pgqueuer.ports.observer import WorkerObserver
from pgqueuer.ports.repository import EntrypointExecutionParameter, RepositoryPort
from pgqueuer.ports.statements import statements_within
from pgqueuer.ports.tracing import TracingProtocol


@dataclass
class QueueManager(EntrypointRegistrar):
    """Runs the jobs of the registered entrypoints.

    `queries` is where the jobs are. `channel` left empty is that of the settings of `queries`;
    one that is given replaces it there. `resources` is handed to each handler that takes a Context.
    """

    queries: RepositoryPort
    channel: Channel = field(default_factory=lambda: Channel(""))
    resources: MutableMapping[str, object] = field(default_factory=dict)
    tracer: TracingProtocol | None = None

    shutdown: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    queue_manager_id: QueueManagerId = field(
        init=False, default_factory=lambda: QueueManagerId(uuid.uuid4())
    )
    entrypoint_registry: dict[QueueEntrypoint, AbstractEntrypointExecutor] = field(
        init=False, default_factory=dict
    )
    job_context: dict[JobId, Context] = field(init=False, default_factory=dict)
    pending_health_check: dict[HealthCheckId, asyncio.Future[HealthCheckEvent]] = field(
        init=False, default_factory=dict
    )
    observers: list[WorkerObserver] = field(init=False, default_factory=list)
    continuity: Continuity = field(init=False, default_factory=Continuity)
    jobs_logged: int = field(init=False, default=0)
    min_dequeue_poll_interval: timedelta = field(init=False, default=timedelta(milliseconds=100))
    _behind_pooler: bool | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        if self.channel:
            self.queries.use_channel(self.channel)
        else:
            self.channel = Channel(self.queries.qbe.settings.channel)

    def register_executor(self, name: str, executor: AbstractEntrypointExecutor) -> None:
        """Register a ready executor; raises RuntimeError for a name that is taken."""
        self.require_free(name)
        self.entrypoint_registry[QueueEntrypoint(name)] = executor

    def require_free(self, name: str) -> None:
        """Raise RuntimeError for a name that is taken."""
        if QueueEntrypoint(name) in self.entrypoint_registry:
            raise RuntimeError(
                f"The entrypoint {name!r} is already registered; give each handler its own name"
            )

    def get_context(self, job_id: JobId) -> Context:
        """The context of a running job; raises KeyError when it does not run here."""
        return self.job_context[job_id]

    def entrypoints_below_capacity_limits(self) -> set[QueueEntrypoint]:
        """All registered names; limits are held by the database."""
        return set(self.entrypoint_registry)

    async def listener_healthy(
        self, timeout: timedelta = timedelta(seconds=10)
    ) -> HealthCheckEvent:
        """Send a message to ourselves through the database.

        Needs a running manager. Raises FailingListenerError when nothing comes back in time.
        """
        return await check_listener(self.queries, self.pending_health_check, timeout)

    async def verify_structure(self) -> None:
        """Raise SchemaIncompleteError, which says what is missing and what to run."""
        await verify_queue_structure(self.queries)

    async def prepare(self) -> None:
        """Look at the connection and the tables for the next `run`, which does it otherwise.

        Raises SchemaIncompleteError.
        """
        if self._behind_pooler is None:
            with statements_within(self.queries.qbe.settings.statement_timeout):
                behind_pooler = await is_behind_pooler(self.queries.driver)
            await self.verify_structure()
            self._behind_pooler = behind_pooler

    async def fetch_jobs(
        self,
        batch_size: int,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> AsyncGenerator[Job, None]:
        """Claim and yield jobs until there are none, or until shutdown.

        A batch that was claimed is yielded to its end even then. `run` does not use it.
        """
        while not self.shutdown.is_set():
            jobs = await self.queries.dequeue(
                batch_size,
                {
                    name: EntrypointExecutionParameter(executor.parameters.concurrency_limit)
                    for name, executor in self.entrypoint_registry.items()
                },
                self.queue_manager_id,
                global_concurrency_limit,
                heartbeat_timeout,
            )
            if not jobs:
                return
            for job in jobs:
                yield job

    async def log_failure(
        self,
        job: Job,
        executor: AbstractEntrypointExecutor,
        exc: BaseException,
        jbuff: JobStatusLogBuffer,
    ) -> None:
        """Add the end of a failed job to `jbuff`, to be parked or deleted as `executor` says.

        For workers of your own around `fetch_jobs`; `run` does not use it.
        """
        hold = executor.parameters.on_failure == "hold"
        record = failure_record(job, exc, {"entrypoint": job.entrypoint})
        await jbuff.add((job, "failed" if hold else "exception", record))

    def forget_job(self, job_id: JobId, context: Context, task: asyncio.Task[object]) -> None:
        """Drop `context` once `task`, which ran the job, is done.

        A context that a later delivery of the job put in its place stays. For workers of your own
        around `fetch_jobs`; `run` does not use it.
        """
        if task.done() and self.job_context.get(job_id) is context:
            del self.job_context[job_id]

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
        """Work until `shutdown` is set; in drain mode until there is no work left.

        An idle worker looks at the queue every `dequeue_timeout`. One claim takes at most
        `batch_size` jobs (None: the worker finds the size), and at most `max_concurrent_tasks` run
        at once (None: 1,000; 0: no bound). A worker that does not renew its leases for
        `heartbeat_timeout` is taken for dead and its jobs run elsewhere. Canceling the task puts
        the unfinished jobs back.

        Raises ValueError for settings out of range, SchemaIncompleteError for a missing schema,
        UnwrittenOutcomesError when outcomes could not be written, FailingListenerError with
        `shutdown_on_listener_failure`.
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
        await self.prepare()
        behind_pooler, self._behind_pooler = bool(self._behind_pooler), None
        self.continuity.started = True
        async with self.queries.driver:
            await self._run(options, behind_pooler)

    async def _run(self, options: RunOptions, behind_pooler: bool) -> None:
        wakeup = Wakeup()
        observers = Observers(self.observers)
        parts = WorkerParts(
            queries=self.queries,
            owner=self.queue_manager_id,
            executors=self.entrypoint_registry,
            contexts=self.job_context,
            resources=self.resources,
            tracer=TracerGuard(self.tracer),
            shutdown=self.shutdown,
            count_settled=self._count_settled,
            shortest_poll=self.min_dequeue_poll_interval,
            observers=observers,
            continuity=self.continuity,
        )
        listener = QueueListener(
            self.queries,
            await channels_of(self.queries, self.channel),
            self.job_context,
            self.pending_health_check,
            wakeup.set,
            observers,
            behind_pooler=behind_pooler,
        )
        names = ", ".join(self.entrypoint_registry) or "no entrypoint"
        logger.info("Worker %s serves %s", self.queue_manager_id, names)
        await Worker(parts, options, wakeup).run(
            listener,
            self._aggregation(options),
            prune_regularly(self.queries, self.queries.qbe.settings),
        )

    def _count_settled(self, settled: int) -> None:
        self.jobs_logged += settled

    async def _aggregation(self, options: RunOptions) -> None:
        await aggregate_regularly(
            self.queries, options.log_aggregation_interval, lambda: self.jobs_logged
        )
