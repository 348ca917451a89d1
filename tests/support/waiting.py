"""Waiting for conditions instead of for a length of time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition is true; `what` names it when it never comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)
