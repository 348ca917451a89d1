from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import pgqueuer.executors as public
from pgqueuer.core.executors import (
    AbstractEntrypointExecutor,
    AbstractScheduleExecutor,
    DatabaseRetryEntrypointExecutor,
    EntrypointExecutor,
    EntrypointExecutorParameters,
    ScheduleExecutor,
    ScheduleExecutorFactoryParameters,
    is_async_callable,
    wants_context,
)
from pgqueuer.domain.errors import RetryRequested, Snooze
from pgqueuer.domain.models import Context, Job, Schedule, ScheduleContext, utc_now
from pgqueuer.domain.types import (
    CronEntrypoint,
    CronExpression,
    JobId,
    QueueEntrypoint,
    ScheduleId,
)

if TYPE_CHECKING:
    from decimal import Decimal

SECOND = timedelta(seconds=1)


def make_job(attempts: int = 0) -> Job:
    now = utc_now()
    return Job(
        id=JobId(1),
        priority=0,
        created=now,
        updated=now,
        heartbeat=now,
        execute_after=now,
        status="picked",
        entrypoint=QueueEntrypoint("e"),
        payload=None,
        attempts=attempts,
        queue_manager_id=None,
    )


def make_schedule() -> Schedule:
    now = utc_now()
    return Schedule(
        id=ScheduleId(1),
        expression=CronExpression("* * * * *"),
        heartbeat=now,
        created=now,
        updated=now,
        next_run=now,
        status="picked",
        entrypoint=CronEntrypoint("tick"),
    )


def parameters(func: object, **more: object) -> EntrypointExecutorParameters:
    return EntrypointExecutorParameters(concurrency_limit=0, func=func, **more)  # type: ignore[arg-type]


def schedule_parameters(func: object, **more: object) -> ScheduleExecutorFactoryParameters:
    return ScheduleExecutorFactoryParameters(
        entrypoint=CronEntrypoint("tick"),
        expression=CronExpression("*/5 * * * *"),
        func=func,  # type: ignore[arg-type]
        clean_old=False,
        **more,  # type: ignore[arg-type]
    )


async def handler(job: Job) -> None: ...


async def handler_with_context(job: Job, context: Context) -> None: ...


def sync_handler(job: Job) -> None: ...


async def generator(job: Job):
    yield job


class AsyncCall:
    async def __call__(self, job: Job, context: Context) -> None: ...

    async def method(self, job: Job, context: Context) -> None: ...


class SyncCall:
    def __call__(self, job: Job) -> None: ...


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (handler, True),
        (functools.partial(handler), True),
        (functools.partial(functools.partial(handler_with_context), context=None), True),
        (AsyncCall(), True),
        (functools.partial(AsyncCall()), True),
        (AsyncCall().method, True),
        (sync_handler, False),
        (lambda job, extra: handler(job), False),
        (generator, False),
        (AsyncCall, False),
        (SyncCall(), False),
        (None, False),
        ("text", False),
    ],
)
def test_what_counts_as_async(candidate: object, expected: bool) -> None:
    assert is_async_callable(candidate) is expected


async def quoted(job: Job, context: "Context") -> None: ...  # noqa: UP037
async def beside_unknown(amount: Decimal, context: Context) -> None: ...
async def unknown(job: Job, context: Nonsense) -> None: ...  # type: ignore[name-defined]  # noqa: F821
async def optional(job: Job, context: Context | None = None) -> None: ...
async def keyword_only(job: Job, *, context: Context) -> None: ...
async def positional_only(job: Job, context: Context, /) -> None: ...
async def variadic(job: Job, *contexts: Context) -> None: ...
async def unannotated(job, context): ...  # type: ignore[no-untyped-def]


@functools.wraps(handler_with_context)
async def wrapped(*args: object) -> None: ...


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (handler_with_context, True),
        (quoted, True),
        (beside_unknown, True),
        (positional_only, True),
        (wrapped, True),
        (AsyncCall(), True),
        (AsyncCall().method, True),
        (functools.partial(handler_with_context), True),
        (functools.partial(handler_with_context, context=Context()), False),
        (functools.partial(handler_with_context, make_job(), Context()), False),
        (handler, False),
        (unknown, False),
        (optional, False),
        (keyword_only, False),
        (variadic, False),
        (unannotated, False),
        (print, False),
        (None, False),
        (42, False),
    ],
)
def test_who_wants_a_context(candidate: object, expected: bool) -> None:
    assert wants_context(candidate, Context) is expected


def test_a_schedule_context_is_no_context() -> None:
    async def tick(schedule: Schedule, context: ScheduleContext) -> None: ...

    assert wants_context(tick, ScheduleContext)
    assert not wants_context(tick, Context)


@pytest.mark.parametrize("gone", ["channel", "connection", "queries", "shutdown", "retry_timer"])
def test_removed_parameters_are_refused(gone: str) -> None:
    with pytest.raises(TypeError, match=gone):
        parameters(handler, **{gone: None})
    with pytest.raises(TypeError, match=gone):
        schedule_parameters(handler, **{gone: None})


def test_parameters_have_the_defaults_of_an_entrypoint() -> None:
    given = EntrypointExecutorParameters(3, handler)
    assert (given.accepts_context, given.on_failure, given.max_takeovers) == (False, "delete", 5)
    assert EntrypointExecutorParameters(3, handler, True, "hold").on_failure == "hold"


async def test_the_function_gets_the_job_and_the_context_it_asked_for() -> None:
    calls: list[tuple[object, ...]] = []

    async def record(*args: object) -> int:
        calls.append(args)
        return 1

    job, context = make_job(), Context()
    assert await EntrypointExecutor(parameters(record)).execute(job, context) is None  # type: ignore[func-returns-value]
    await EntrypointExecutor(parameters(record, accepts_context=True)).execute(job, context)
    assert calls == [(job,), (job, context)]


@pytest.mark.parametrize("kind", [EntrypointExecutor, DatabaseRetryEntrypointExecutor])
def test_a_function_that_is_not_async_is_refused(
    kind: type[EntrypointExecutor],
) -> None:
    with pytest.raises(TypeError, match="async def"):
        kind(parameters(sync_handler))


def test_an_executor_of_ones_own_takes_any_function() -> None:
    class InThread(AbstractEntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None: ...

    @dataclass
    class Configured(AbstractEntrypointExecutor):
        factor: int = 2

        async def execute(self, job: Job, context: Context) -> None: ...

    assert InThread(parameters(sync_handler)).parameters.func is sync_handler
    assert Configured(parameters(sync_handler), factor=3).factor == 3
    with pytest.raises(TypeError, match="abstract"):
        AbstractEntrypointExecutor(parameters(handler))  # type: ignore[abstract]


async def outcome(executor: AbstractEntrypointExecutor, attempts: int) -> Exception | None:
    try:
        await executor.execute(make_job(attempts), Context())
    except Exception as error:
        return error
    return None


def failing(error: Exception) -> EntrypointExecutorParameters:
    async def fail(job: Job) -> None:
        raise error

    return parameters(fail)


async def test_a_failure_becomes_a_retry_with_a_growing_delay_until_attempts_are_used_up() -> None:
    error = ValueError("broken")
    executor = DatabaseRetryEntrypointExecutor(
        failing(error), max_attempts=4, max_delay=timedelta(seconds=5)
    )
    delays = []
    for attempts in range(4):
        raised = await outcome(executor, attempts)
        assert isinstance(raised, RetryRequested)
        assert raised.reason == "broken"
        assert raised.__cause__ is error
        delays.append(raised.delay)
    assert delays == [1 * SECOND, 2 * SECOND, 4 * SECOND, 5 * SECOND]
    assert await outcome(executor, 4) is error


async def test_no_attempts_mean_no_retries() -> None:
    error = ValueError("broken")
    assert (
        await outcome(DatabaseRetryEntrypointExecutor(failing(error), max_attempts=0), 0) is error
    )


async def test_success_is_left_alone() -> None:
    assert await outcome(DatabaseRetryEntrypointExecutor(parameters(handler)), 0) is None


@pytest.mark.parametrize(
    "request_",
    [
        RetryRequested(timedelta(hours=9)),
        Snooze(timedelta(hours=9)),
        ExceptionGroup("g", [RetryRequested(), Snooze(timedelta(hours=9))]),
    ],
    ids=["retry", "snooze", "group"],
)
@pytest.mark.parametrize("attempts", [0, 99])
async def test_a_retry_that_the_handler_asks_for_goes_through(
    request_: Exception, attempts: int
) -> None:
    assert await outcome(DatabaseRetryEntrypointExecutor(failing(request_)), attempts) is request_


async def test_a_group_with_another_error_is_a_failure() -> None:
    group = ExceptionGroup("mixed", [RetryRequested(timedelta(hours=9)), ValueError("broken")])
    raised = await outcome(DatabaseRetryEntrypointExecutor(failing(group)), 0)
    assert isinstance(raised, RetryRequested)
    assert raised.delay == SECOND


async def test_many_attempts_do_not_overflow() -> None:
    executor = DatabaseRetryEntrypointExecutor(failing(ValueError()), max_attempts=10_000)
    raised = await outcome(executor, 9_999)
    assert isinstance(raised, RetryRequested)
    assert raised.delay == timedelta(minutes=5)


async def test_jitter_shortens_the_delay_at_random() -> None:
    executor = DatabaseRetryEntrypointExecutor(
        failing(ValueError()), initial_delay=100 * SECOND, jitter=0.25
    )
    delays = {(await outcome(executor, 0)).delay for _ in range(20)}  # type: ignore[union-attr]
    assert len(delays) > 1
    assert all(75 * SECOND <= delay <= 100 * SECOND for delay in delays)


@pytest.mark.parametrize("jitter", [-0.1, 1.1])
def test_jitter_is_a_fraction(jitter: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        DatabaseRetryEntrypointExecutor(parameters(handler), jitter=jitter)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_attempts": -1}, ValueError, "max_attempts must be 0 or more, got -1"),
        ({"initial_delay": -SECOND}, ValueError, "initial_delay must not be negative"),
        ({"max_delay": -SECOND}, ValueError, "max_delay must not be negative"),
        ({"initial_delay": 1}, TypeError, "initial_delay must be a timedelta, got 1"),
        ({"max_delay": 1}, TypeError, "max_delay must be a timedelta, got 1"),
        ({"backoff_multiplier": -2.0}, ValueError, "backoff_multiplier must be a finite number"),
        ({"backoff_multiplier": math.nan}, ValueError, "backoff_multiplier must be a finite"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        DatabaseRetryEntrypointExecutor(parameters(handler), **options)  # type: ignore[arg-type]


async def test_delays_may_stay_the_same_or_get_shorter() -> None:
    for multiplier, expected in ((1, 4 * SECOND), (0.5, SECOND), (0, timedelta(0))):
        executor = DatabaseRetryEntrypointExecutor(
            failing(ValueError()), initial_delay=4 * SECOND, backoff_multiplier=multiplier
        )
        raised = await outcome(executor, 2)
        assert isinstance(raised, RetryRequested)
        assert raised.delay == expected


async def test_a_scheduled_function_gets_the_schedule_and_the_context_it_asked_for() -> None:
    calls: list[tuple[object, ...]] = []

    async def record(*args: object) -> None:
        calls.append(args)

    schedule, context = make_schedule(), ScheduleContext()
    await ScheduleExecutor(schedule_parameters(record)).execute(schedule, context)
    await ScheduleExecutor(schedule_parameters(record, accepts_context=True)).execute(
        schedule, context
    )
    assert calls == [(schedule,), (schedule, context)]


def test_a_scheduled_function_that_is_not_async_is_refused() -> None:
    with pytest.raises(TypeError, match="async def"):
        ScheduleExecutor(schedule_parameters(sync_handler))


def test_a_schedule_knows_when_it_is_due_next() -> None:
    executor = ScheduleExecutor(schedule_parameters(handler))
    before = utc_now()
    due = executor.get_next()
    assert due.utcoffset() == timedelta(0)
    assert (due.minute % 5, due.second, due.microsecond) == (0, 0, 0)
    assert before < due <= utc_now() + timedelta(minutes=5)
    assert timedelta(0) <= executor.next_in() <= timedelta(minutes=5)


def test_a_schedule_executor_of_ones_own_needs_execute() -> None:
    with pytest.raises(TypeError, match="abstract"):
        AbstractScheduleExecutor(schedule_parameters(handler))  # type: ignore[abstract]


@pytest.mark.parametrize(
    "gone",
    [
        "SyncEntrypoint",
        "SyncContextEntrypoint",
        "RetryWithBackoffEntrypointExecutor",
        "MaxRetriesExceeded",
        "MaxTimeExceeded",
    ],
)
def test_names_of_0_x_are_gone(gone: str) -> None:
    assert not hasattr(public, gone)
