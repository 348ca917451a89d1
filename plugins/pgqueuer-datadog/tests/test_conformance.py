from __future__ import annotations

import pytest

from pgqueuer.ports.tracing import TracingProtocol
from pgqueuer.testing.tracer import TracerConformance
from pgqueuer_datadog.tracing import DatadogTracing


@pytest.mark.usefixtures("sent")
class TestDatadog(TracerConformance):
    @pytest.fixture
    def tracer(self) -> TracingProtocol:
        return DatadogTracing()
