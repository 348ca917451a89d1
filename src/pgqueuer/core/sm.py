"""The scheduler: which schedules there are, and running each tick once in the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar, get_args

from pgqueuer.core.backoff import Backoff
from pgqueuer.core.cron import normalize
from pgqueuer.core.executors import (
    AbstractScheduleExecutor,
    ScheduleCrontab,
    ScheduleExecutor,
    ScheduleExecutorFactoryParameters,
    wants_context,
)
from pgqueuer.core.logconfig import logger
from pgqueuer.core.ranges import check_heartbeat_timeout
from pgqueuer.core.running import Run, current_run
from pgqueuer.core.schedule_loop import DEFAULT_STALE_AFTER, ScheduleLoop
from pgqueuer.core.structure import verify_schedule_structure
from pgqueuer.core.tm import cancel_and_wait, cancel_on_exit
from pgqueuer.core.worker.continuity import Continuity
from pgqueuer.core.worker.wakeup import Wakeup
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, ScheduleContext
from pgqueuer.domain.types import CronEntrypoint, MissedTicks, ScheduleId
from pgqueuer.ports.driver import is_behind_pooler
from pgqueuer.ports.repository import RepositoryPort
from pgqueuer.ports.statements import statements_within

ScheduleHandler = TypeVar("ScheduleHandler", bound=ScheduleCrontab)
ScheduleExecutorFactory = Callable[[ScheduleExecutorFactoryParameters], AbstractScheduleExecutor]

LONGEST_BEAT: Final = 1.0
BEATS_PER_TIMEOUT: Final = 4
WRITES_AT_SHUTDOWN: Final = 5
NO_JITTER: Final = timedelta(0)


@dataclass
class SchedulerManager:
    """Runs the registered schedules.

    `queries` is where the schedules are. `resources` is handed to each function that takes a
    ScheduleContext.
    """

    queries: RepositoryPort
    resources: MutableMapping[str, object] = field(default_factory=dict)

    shutdown: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    registry: dict[CronExpressionEntrypoint, AbstractScheduleExecutor] = field(
        init=False, default_factory=dict
    )
    active_heartbeat_ids: set[ScheduleId] = field(init=False, default_factory=set)
    continuity: Continuity = field(init=False, default_factory=Continuity)
    _prepared: bool = field(init=False, default=False, repr=False)
    _heartbeat_timeout: timedelta = field(init=False, default=DEFAULT_STALE_AFTER, repr=False)
    _runs: dict[ScheduleId, Schedule] = field(init=False, default_factory=dict, repr=False)
    _beats: asyncio.Task[None] | None = field(init=False, default=None, repr=False)
    _running: set[asyncio.Task[None]] = field(init=False, default_factory=set, repr=False)
    _wakeup: Wakeup = field(init=False, default_factory=Wakeup, repr=False)

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
        jitter: timedelta = NO_JITTER,
        executor: str | None = None,
        executor_options: Mapping[str, object] | None = None,
    ) -> Callable[[ScheduleHandler], ScheduleHandler]:
        """Register an async function to run whenever `expression` is due.

        `expression` has five cron fields, or six with the seconds last. It is read in UTC, or on
        the wall clock of `timezone`, a name such as "Europe/Oslo"; where the clocks change, a
        skipped time runs as much later and a repeated one runs once, except that an expression
        whose hour field is `*` keeps its pace. Ticks that no worker could start in time run as one
        when `missed` is "once", one after another when it is "all", and not when it is "skip".
        Each starts up to `jitter` later than it is due, at random. With `clean_old` rows of this
        entrypoint with other expressions are deleted when the scheduler starts. `accepts_context`
        None looks whether a parameter is annotated as ScheduleContext. What runs the function comes
        from `executor_factory`, or by name from an installed plugin as `executor`, with
        `executor_options`.

        Raises ValueError for a bad argument, RuntimeError for a schedule that is registered,
        TypeError for a function that is not async.
        """
        key = CronExpressionEntrypoint(CronEntrypoint(entrypoint), normalize(expression, timezone))
        self._check_free(key)
        if accepts_context is not None and not isinstance(accepts_context, bool):
            raise ValueError(f"accepts_context must be a bool or None, got {accepts_context!r}")
        _check_ticks(missed, jitter)
        factory = _factory(executor_factory, executor, executor_options)

        def register(func: ScheduleHandler) -> ScheduleHandler:
            self._check_free(key)
            context = (
                wants_context(func, ScheduleContext) if accepts_context is None else accepts_context
            )
            self.registry[key] = factory(
                ScheduleExecutorFactoryParameters(
                    entrypoint=key.entrypoint,
                    expression=key.expression,
                    func=func,
                    clean_old=clean_old,
                    accepts_context=context,
                    missed=missed,
                    jitter=jitter,
                )
            )
            self._wakeup.set()
            return func

        return register

    def _check_free(self, key: CronExpressionEntrypoint) -> None:
        if key in self.registry:
            raise RuntimeError(
                f"The schedule {key.entrypoint!r} ({key.expression}) is already registered; "
                "give each schedule its own name or expression"
            )

    async def prepare(self) -> None:
        """Look at the connection and the tables for the next `run`, which does it otherwise.

        Raises SchemaIncompleteError.
        """
        if not self._prepared:
            with statements_within(self.queries.qbe.settings.statement_timeout):
                await is_behind_pooler(self.queries.driver)  # the driver adapts to it
            await verify_schedule_structure(self.queries)
            self._prepared = True

    async def run(self, heartbeat_timeout: timedelta = DEFAULT_STALE_AFTER) -> None:
        """Run schedules until `shutdown` is set, then wait for those that are running.

        Each tick runs once in the fleet. A schedule is not started while an earlier tick of it
        runs; one whose worker has been silent for `heartbeat_timeout` goes on with its next tick.
        A database that is away for a while is waited for. Canceling waits for what is running,
        canceling again cancels it. Raises SchemaIncompleteError when a table is missing.
        """
        check_heartbeat_timeout(heartbeat_timeout)
        self._heartbeat_timeout = heartbeat_timeout
        await self.prepare()
        self._prepared = False
        self.continuity.started = True
        async with self.queries.driver:
            loop = ScheduleLoop(
                self.queries,
                self.registry,
                self.active_heartbeat_ids,
                self._wakeup,
                self._start,
                stale_after=heartbeat_timeout,
                continuity=self.continuity,
            )
            try:
                async with cancel_on_exit(asyncio.create_task(self._wake_at_shutdown())):
                    await loop.run(self.shutdown)
            finally:
                await self._finish()

    async def _wake_at_shutdown(self) -> None:
        await self.shutdown.wait()
        self._wakeup.set()

    def _start(self, executor: AbstractScheduleExecutor, schedule: Schedule) -> None:
        self.active_heartbeat_ids.add(schedule.id)
        self._runs[schedule.id] = schedule
        task = asyncio.create_task(self.dispatch(executor, schedule))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if self._beats is None or self._beats.done():
            self._beats = asyncio.create_task(self._beat())

    async def dispatch(self, executor: AbstractScheduleExecutor, schedule: Schedule) -> None:
        """Run one tick and set the schedule back to queued; errors are logged, not raised.

        `schedule` is the row as it was picked. One that was taken over meanwhile is left alone.
        """
        self.active_heartbeat_ids.add(schedule.id)
        self._runs[schedule.id] = schedule
        this_run = Run(None, schedule.entrypoint)
        token = current_run.set(this_run)
        try:
            await executor.execute(schedule, ScheduleContext(self.resources, enqueuer=self.queries))
        except Exception:
            logger.exception(
                "The schedule %s (%s)%s failed",
                schedule.entrypoint,
                schedule.expression,
                getattr(executor, "provided_by", ""),
            )
        finally:
            try:
                await self._set_queued(schedule)
            finally:
                self.active_heartbeat_ids.discard(schedule.id)
                self._runs.pop(schedule.id, None)
                current_run.reset(token)
                self._wakeup.set()

    async def _set_queued(self, schedule: Schedule) -> None:
        backoff = Backoff()
        while True:
            try:
                return self._drop_lost([schedule], await self.queries.end_schedules([schedule]))
            except Exception:
                logger.exception("The end of the schedule %s was not written", schedule.entrypoint)
            if self.continuity.is_gone(self.queries) or (
                self._is_stopping() and backoff.failures >= WRITES_AT_SHUTDOWN
            ):
                return None
            await asyncio.sleep(backoff.next_delay())

    def _is_stopping(self) -> bool:
        task = asyncio.current_task()
        stops = self.shutdown.is_set() and not self.continuity.patient
        return stops or (task is not None and task.cancelling() > 0)

    async def _beat(self) -> None:
        timeout = self._heartbeat_timeout.total_seconds()
        interval = min(LONGEST_BEAT, timeout / BEATS_PER_TIMEOUT)
        await asyncio.sleep(interval)
        while self.active_heartbeat_ids:
            runs = list(self._runs.values())
            try:
                self._drop_lost(runs, await self.queries.beat_schedules(runs))
            except Exception:
                logger.exception("The heartbeats of schedules were not written; trying again")
            await asyncio.sleep(interval)

    def _drop_lost(self, runs: Iterable[Schedule], kept: Collection[ScheduleId]) -> None:
        for run in runs:
            if run.id not in kept and self._runs.get(run.id) is run:
                del self._runs[run.id]
                logger.warning(
                    "The schedule %s (%s) was taken over or removed while its tick ran here",
                    run.entrypoint,
                    run.expression,
                )

    async def _finish(self) -> None:
        try:
            await self._wait_for_running()
        except asyncio.CancelledError:
            for task in self._running:
                task.cancel()
            await self._wait_for_running()
            raise
        finally:
            if self._beats is not None:
                await cancel_and_wait(self._beats)

    async def _wait_for_running(self) -> None:
        while self._running:
            await asyncio.wait(set(self._running))


def _check_ticks(missed: object, jitter: object) -> None:
    if missed not in get_args(MissedTicks):
        raise ValueError(f"missed must be 'skip', 'once' or 'all', got {missed!r}")
    if not isinstance(jitter, timedelta) or jitter < NO_JITTER:
        raise ValueError(f"jitter must be a timedelta of at least 0, got {jitter!r}")


def _factory(
    factory: ScheduleExecutorFactory | None,
    name: str | None,
    options: Mapping[str, object] | None,
) -> ScheduleExecutorFactory:
    if name is None:
        if options:
            raise TypeError("executor_options needs executor, the name of an executor")
        return factory or ScheduleExecutor
    if factory is not None:
        raise TypeError("give either executor_factory or executor, not both")
    from pgqueuer.plugins.executors import resolve_schedule_executor  # noqa: PLC0415

    return resolve_schedule_executor(name, options or {})
