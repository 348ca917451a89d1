from __future__ import annotations

from collections.abc import Iterator

import pytest
from endpoint import Endpoint

pytest_plugins = ["pgqueuer.testing.fixtures"]

SECRET = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        yield server


@pytest.fixture(autouse=True)
def environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PGQUEUER_WEBHOOK_URL", endpoint.url)
    monkeypatch.setenv("PGQUEUER_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("PGQUEUER_WEBHOOK_INTERVAL", "0.05")
    return monkeypatch
