from __future__ import annotations

import pytest

from pgqueuer.testing.executor import ExecutorConformance, ExecutorFactory
from pgqueuer_process.executor import LimitedProcessExecutor


class TestProcess(ExecutorConformance):
    calls_blocking = True
    gives_context = False

    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        return LimitedProcessExecutor
