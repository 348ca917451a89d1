"""Executors and schedules. `# E` marks a line with an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from pgqueuer import DatabaseRetryEntrypointExecutor, Job, PgQueuer, SchedulerManager
from pgqueuer.executors import (
    AbstractEntrypointExecutor,
    AbstractScheduleExecutor,
    EntrypointExecutor,
    EntrypointExecutorParameters,
    ScheduleExecutor,
)
from pgqueuer.models import Context, Schedule, ScheduleContext

pgq = PgQueuer.in_memory()
sm: SchedulerManager = pgq.sm


@dataclass
class Counting(AbstractEntrypointExecutor):
    calls: int = field(default=0, init=False)

    async def execute(self, job: Job, context: Context) -> None:
        self.calls += 1


def make(parameters: EntrypointExecutorParameters) -> AbstractEntrypointExecutor:
    return EntrypointExecutor(parameters)


def make_number(parameters: EntrypointExecutorParameters) -> int:
    return 1


@pgq.entrypoint("a", executor_factory=Counting)
async def a(job: Job) -> None: ...


@pgq.entrypoint("b", executor_factory=make)
async def b(job: Job, context: Context) -> None: ...


@pgq.entrypoint(
    "c", executor_factory=lambda parameters: DatabaseRetryEntrypointExecutor(parameters, 3)
)
async def c(job: Job) -> None: ...


@pgq.entrypoint(
    "d", executor_factory=partial(DatabaseRetryEntrypointExecutor, max_delay=timedelta(seconds=1))
)
async def d(job: Job) -> None: ...


@pgq.entrypoint("e", executor_factory=make_number)  # E
async def e(job: Job) -> None: ...


@pgq.entrypoint("f", executor_factory=ScheduleExecutor)  # E
async def f(job: Job) -> None: ...


@pgq.schedule("tick", "* * * * *")
async def tick(schedule: Schedule) -> None: ...


@sm.schedule("tick_context", "* * * * *", timezone="Europe/Oslo")
async def tick_context(schedule: Schedule, context: ScheduleContext) -> None: ...


class Daily(AbstractScheduleExecutor):
    async def execute(self, schedule: Schedule, context: ScheduleContext) -> None: ...


@pgq.schedule("daily", "* * * * *", executor_factory=Daily)
async def daily(schedule: Schedule) -> None: ...


@pgq.schedule("sync", "* * * * *")  # E
def sync(schedule: Schedule) -> None: ...


@pgq.schedule("job", "* * * * *")  # E
async def job(job: Job) -> None: ...


@pgq.schedule("job_context", "* * * * *")  # E
async def job_context(schedule: Schedule, context: Context) -> None: ...


@pgq.schedule("executor", "* * * * *", executor_factory=Counting)  # E
async def executor(schedule: Schedule) -> None: ...
