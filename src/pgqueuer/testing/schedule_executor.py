"""A test suite for executors of schedules: do they know when they are due, and run the function?

The bundled one passes it::

    from pgqueuer.testing.schedule_executor import ScheduleExecutorConformance

    class TestMyExecutor(ScheduleExecutorConformance):
        @pytest.fixture
        def executor_factory(self):
            return MyScheduleExecutor

`executor_factory` is what users give as `executor_factory=`: it takes the parameters and makes an
executor. Tests are coroutines: run them with pytest-asyncio in its auto mode
(`asyncio_mode = "auto"`).

Where your executor does it another way, say so in the class:

- `follows_cron = False`: due times are not those of the cron expression.
- `uses_result = True`: what the function returns matters; here it returns None then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.executors import AbstractScheduleExecutor, ScheduleExecutorFactoryParameters
from pgqueuer.domain.models import Schedule, ScheduleContext, utc_now
from pgqueuer.domain.types import CronEntrypoint, CronExpression
from pgqueuer.testing.samples import HandlerError, make_schedule

__all__ = ["ScheduleExecutorConformance", "ScheduleExecutorFactory", "nothing", "parameters"]

ScheduleExecutorFactory: TypeAlias = Callable[
    [ScheduleExecutorFactoryParameters], AbstractScheduleExecutor
]

NOON = datetime(2030, 6, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class ScheduleExecutorConformance:
    """Inherit from it and override `executor_factory`."""

    follows_cron = True
    uses_result = False

    @pytest.fixture
    def executor_factory(self) -> ScheduleExecutorFactory:
        """Makes an executor of the parameters of a schedule."""
        raise NotImplementedError("Override the fixture `executor_factory`; return a callable.")

    async def test_a_tick_calls_the_function_once(
        self, executor_factory: ScheduleExecutorFactory
    ) -> None:
        seen: list[Schedule] = []

        async def tick(schedule: Schedule) -> str | None:
            seen.append(schedule)
            return None if self.uses_result else "a result that nobody wants"

        schedule = make_schedule()
        await executor_factory(parameters(tick)).execute(schedule, make_context())

        assert seen == [schedule]

    async def test_a_function_that_wants_the_context_gets_it(
        self, executor_factory: ScheduleExecutorFactory
    ) -> None:
        seen: list[object] = []

        async def tick(schedule: Schedule, context: ScheduleContext) -> None:
            seen.append(context.resources["mark"])

        executor = executor_factory(parameters(tick, accepts_context=True))
        await executor.execute(make_schedule(), make_context(mark="yes"))

        assert seen == ["yes"]

    async def test_an_error_of_the_function_comes_out(
        self, executor_factory: ScheduleExecutorFactory
    ) -> None:
        error = HandlerError("on purpose")

        async def tick(schedule: Schedule) -> None:
            raise error

        with pytest.raises(HandlerError) as caught:
            await executor_factory(parameters(tick)).execute(make_schedule(), make_context())
        assert caught.value is error

    async def test_a_tick_that_is_canceled_ends_canceled(
        self, executor_factory: ScheduleExecutorFactory
    ) -> None:
        entered = asyncio.Event()

        async def tick(schedule: Schedule) -> None:
            entered.set()
            await asyncio.Event().wait()

        async def run() -> None:
            await executor_factory(parameters(tick)).execute(make_schedule(), make_context())

        task = asyncio.create_task(run())
        await entered.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()

    def test_due_times_are_aware_and_in_utc(
        self, executor_factory: ScheduleExecutorFactory
    ) -> None:
        executor = executor_factory(parameters(nothing))

        for due in (executor.get_next(), executor.next_after(NOON)):
            assert due.utcoffset() == timedelta(0)

    def test_the_next_due_time_is_ahead(self, executor_factory: ScheduleExecutorFactory) -> None:
        executor = executor_factory(parameters(nothing))
        before = utc_now()
        due = executor.get_next()

        assert due > before
        assert executor.next_in() <= executor.get_next() - before

    def test_due_times_go_on(self, executor_factory: ScheduleExecutorFactory) -> None:
        executor = executor_factory(parameters(nothing))
        first = executor.next_after(NOON)

        assert NOON < first < executor.next_after(first)
        assert executor.next_after(NOON) == first, "asking changes nothing"

    def test_cron_expressions_are_followed(self, executor_factory: ScheduleExecutorFactory) -> None:
        if not self.follows_cron:
            pytest.skip("follows_cron is False")
        minutely = executor_factory(parameters(nothing))
        in_oslo = executor_factory(parameters(nothing, "CRON_TZ=Europe/Oslo 0 8 * * *"))

        assert minutely.next_after(NOON) == NOON.replace(second=0) + MINUTE
        assert in_oslo.next_after(NOON) == datetime(2030, 6, 2, 6, tzinfo=UTC)


def parameters(
    func: Callable[..., Any], expression: str = "* * * * *", **options: Any
) -> ScheduleExecutorFactoryParameters:
    """What the library hands to a factory."""
    return ScheduleExecutorFactoryParameters(
        entrypoint=CronEntrypoint("tick"),
        expression=CronExpression(expression),
        func=func,
        clean_old=False,
        **options,
    )


def make_context(**resources: object) -> ScheduleContext:
    """What the scheduler hands to an executor: here with a store inside of the process."""
    return ScheduleContext(resources, enqueuer=InMemoryQueries(InMemoryDriver()))


async def nothing(schedule: Schedule) -> None:
    """A function for tests that never call it."""
