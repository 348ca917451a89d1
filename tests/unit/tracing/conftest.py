from __future__ import annotations

import pytest

from pgqueuer import PgQueuer
from pgqueuer.ports.tracing import TRACER


@pytest.fixture
def pgq(monkeypatch: pytest.MonkeyPatch) -> PgQueuer:
    """A worker and a producer that use the tracer of the process, which ends with the test."""
    monkeypatch.setattr(TRACER, "tracer", None)
    return PgQueuer.in_memory()
