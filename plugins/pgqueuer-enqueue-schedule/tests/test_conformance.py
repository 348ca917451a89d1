from __future__ import annotations

from functools import partial

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.models import ScheduleContext
from pgqueuer.testing.samples import make_schedule
from pgqueuer.testing.schedule_executor import (
    ScheduleExecutorConformance,
    ScheduleExecutorFactory,
    parameters,
)
from pgqueuer_enqueue_schedule.executor import EnqueueScheduleExecutor


class TestEnqueue(ScheduleExecutorConformance):
    @pytest.fixture
    def executor_factory(self) -> ScheduleExecutorFactory:
        queries = InMemoryQueries(InMemoryDriver())
        return partial(EnqueueScheduleExecutor, queries=queries)

    async def test_a_tick_calls_the_function_once(
        self, executor_factory: ScheduleExecutorFactory
    ) -> None:
        """What the function returns is a payload here, not something that nobody wants."""
        calls = 0

        async def tick(schedule: object) -> bytes:
            nonlocal calls
            calls += 1
            return b"a payload"

        executor = executor_factory(parameters(tick))
        await executor.execute(make_schedule(), ScheduleContext(resources={}))

        assert calls == 1
