from __future__ import annotations

import pytest

from pgqueuer.plugins.executors import resolve_executor
from pgqueuer.testing.executor import ExecutorConformance, ExecutorFactory


class TestProcess(ExecutorConformance):
    calls_blocking = True
    gives_context = False

    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        return resolve_executor("process", {})
