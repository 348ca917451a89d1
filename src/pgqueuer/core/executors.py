"""Running handlers: what surrounds the function that a user registered."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pgqueuer.core.annotations import is_async_callable, wants_context
from pgqueuer.domain.errors import InvalidPayloadError, RetryRequested, retry_request
from pgqueuer.domain.lifecycle import DEFAULT_MAX_TAKEOVERS
from pgqueuer.domain.models import Context, Job, Schedule, ScheduleContext, utc_now
from pgqueuer.domain.types import CronEntrypoint, CronExpression, MissedTicks, OnFailure

if TYPE_CHECKING:
    from pgqueuer.core.cron import Cron
    from pgqueuer.core.typed import TypedHandler

__all__ = [
    "AbstractEntrypointExecutor",
    "AbstractScheduleExecutor",
    "AsyncContextCrontab",
    "AsyncContextEntrypoint",
    "AsyncCrontab",
    "AsyncEntrypoint",
    "DatabaseRetryEntrypointExecutor",
    "Entrypoint",
    "EntrypointExecutor",
    "EntrypointExecutorParameters",
    "EntrypointTypeVar",
    "ScheduleCrontab",
    "ScheduleExecutor",
    "ScheduleExecutorFactoryParameters",
    "is_async_callable",
    "wants_context",
]

AsyncEntrypoint = Callable[[Job], Awaitable[object]]
AsyncContextEntrypoint = Callable[[Job, Context], Awaitable[object]]
Entrypoint = AsyncEntrypoint | AsyncContextEntrypoint
EntrypointTypeVar = TypeVar("EntrypointTypeVar", bound=Entrypoint)

AsyncCrontab = Callable[[Schedule], Awaitable[object]]
AsyncContextCrontab = Callable[[Schedule, ScheduleContext], Awaitable[object]]
ScheduleCrontab = AsyncCrontab | AsyncContextCrontab


@dataclass
class EntrypointExecutorParameters:
    """What was declared about an entrypoint; an `executor_factory` gets it.

    `concurrency_limit` is the number of jobs that the whole fleet may run at once, 0 for no limit.
    `max_takeovers` is how often a job may come back from a dead worker before it is parked.
    `timeout` is the time that one call may take. Where `func` is async it holds already for each
    call of it; an executor of functions that are not heeds it by itself. Where the handler wants
    a payload, `func` still takes the job and decodes it; `typed` has the rest.
    """

    concurrency_limit: int
    func: Entrypoint
    accepts_context: bool = False
    on_failure: OnFailure = "delete"
    _: KW_ONLY
    max_takeovers: int = DEFAULT_MAX_TAKEOVERS
    timeout: timedelta | None = None
    typed: TypedHandler | None = None


@dataclass(eq=False)
class AbstractEntrypointExecutor(ABC):
    """Runs the jobs of one entrypoint. Return to complete a job, raise to fail or retry it."""

    parameters: EntrypointExecutorParameters
    # No field: who made it, for the log, where that is an installed plugin.
    provided_by = ""

    @abstractmethod
    async def execute(self, job: Job, context: Context) -> None:
        """Run `job`; called concurrently for different jobs."""


@dataclass(eq=False)
class EntrypointExecutor(AbstractEntrypointExecutor):
    """Awaits the function, with the context where it wants one.

    Raises TypeError when the function is not async.
    """

    def __post_init__(self) -> None:
        self.check_function()

    def check_function(self) -> None:
        """Raise TypeError for a function that this executor can not call."""
        _require_async(self.parameters.func)

    async def execute(self, job: Job, context: Context) -> None:
        await self.call_function(job, context)

    async def call_function(self, job: Job, context: Context) -> None:
        """Call the function once."""
        func: Callable[..., Awaitable[object]] = self.parameters.func
        await (func(job, context) if self.parameters.accepts_context else func(job))


@dataclass(eq=False)
class DatabaseRetryEntrypointExecutor(EntrypointExecutor):
    """Puts a failed job back to the queue, later after each failure, `max_attempts` times.

    The delay is `initial_delay * backoff_multiplier ** job.attempts`, at most `max_delay`, and
    random within the last `jitter` of that (a fraction from 0 to 1). After that the error itself
    is raised. A retry or a snooze that the handler asks for goes through as it is, and so does
    InvalidPayloadError.

    Raises ValueError or TypeError for options that make no sense.
    """

    max_attempts: int = 5
    initial_delay: timedelta = timedelta(seconds=1)
    max_delay: timedelta = timedelta(minutes=5)
    backoff_multiplier: float = 2.0
    _: KW_ONLY
    jitter: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_options()

    def _check_options(self) -> None:
        for name in ("initial_delay", "max_delay"):
            delay = getattr(self, name)
            if not isinstance(delay, timedelta):
                raise TypeError(f"{name} must be a timedelta, got {delay!r}")
            if delay < timedelta(0):
                raise ValueError(f"{name} must not be negative, got {delay!r}")
        if not self.max_attempts >= 0:
            raise ValueError(f"max_attempts must be 0 or more, got {self.max_attempts!r}")
        if not 0 <= self.backoff_multiplier < math.inf:
            raise ValueError(
                f"backoff_multiplier must be a finite number from 0 on, "
                f"got {self.backoff_multiplier!r}"
            )
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must be from 0 to 1, got {self.jitter!r}")

    async def execute(self, job: Job, context: Context) -> None:
        try:
            await super().execute(job, context)
        except Exception as error:
            final = isinstance(error, InvalidPayloadError) or job.attempts >= self.max_attempts
            if final or retry_request(error) is not None:
                raise
            raise RetryRequested(self._delay(job.attempts), str(error)) from error

    def _delay(self, attempts: int) -> timedelta:
        try:
            delay = min(self.initial_delay * self.backoff_multiplier**attempts, self.max_delay)
        except OverflowError:
            delay = self.max_delay
        return delay * random.uniform(1 - self.jitter, 1)  # noqa: S311 - spreads load


def _require_async(func: object) -> None:
    if not is_async_callable(func):
        raise TypeError(
            f"{func!r} is not async; declare it with 'async def', or register it with "
            "executor='thread' or executor='process-pool' if it blocks"
        )


@dataclass
class ScheduleExecutorFactoryParameters:
    """What was declared about a schedule; an `executor_factory` gets it.

    `expression` is normalized, and begins with `CRON_TZ=` where a time zone was named. `missed`
    says what becomes of ticks that could not run in time, and `jitter` is how much later than due
    a tick may start.
    """

    entrypoint: CronEntrypoint
    expression: CronExpression
    func: ScheduleCrontab
    clean_old: bool
    accepts_context: bool = False
    _: KW_ONLY
    missed: MissedTicks = "once"
    jitter: timedelta = timedelta(0)


@dataclass(eq=False)
class AbstractScheduleExecutor(ABC):
    """Runs one schedule and knows when it is due.

    Override `get_next` or `next_in` for due times that are no cron expression.
    """

    parameters: ScheduleExecutorFactoryParameters
    # No field: who made it, for the log, where that is an installed plugin.
    provided_by = ""

    @abstractmethod
    async def execute(self, schedule: Schedule, context: ScheduleContext) -> None:
        """Run one tick; an error is logged and the schedule goes on."""

    def get_next(self) -> datetime:
        """The next due time from now; aware, in UTC."""
        return self.next_after(utc_now())

    def next_in(self) -> timedelta:
        """Time from now until the next due time."""
        return self.get_next() - utc_now()

    def next_after(self, instant: datetime) -> datetime:
        """The first due time after `instant`, by the cron expression; in UTC."""
        return self._cron.next_after(instant)

    @cached_property
    def _cron(self) -> Cron:
        from pgqueuer.core.cron import Cron  # noqa: PLC0415

        return Cron(self.parameters.expression)


@dataclass(eq=False)
class ScheduleExecutor(AbstractScheduleExecutor):
    """Awaits the function, with the context where it wants one.

    Raises TypeError when the function is not async.
    """

    def __post_init__(self) -> None:
        _require_async(self.parameters.func)

    async def execute(self, schedule: Schedule, context: ScheduleContext) -> None:
        func: Callable[..., Awaitable[object]] = self.parameters.func
        await (func(schedule, context) if self.parameters.accepts_context else func(schedule))
