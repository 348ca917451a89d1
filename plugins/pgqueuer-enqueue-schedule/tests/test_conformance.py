from __future__ import annotations

import pytest

from pgqueuer.testing.schedule_executor import ScheduleExecutorConformance, ScheduleExecutorFactory
from pgqueuer_enqueue_schedule.executor import EnqueueScheduleExecutor


class TestEnqueue(ScheduleExecutorConformance):
    uses_result = True

    @pytest.fixture
    def executor_factory(self) -> ScheduleExecutorFactory:
        return EnqueueScheduleExecutor
