"""Waiting longer after each failure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

__all__ = ["Backoff", "jittered"]


@dataclass
class Backoff:
    """Delays in seconds that double from `first` up to `longest`, each with 20 % of jitter.

    The jitter keeps a fleet that lost its server from coming back in one instant.
    """

    first: float = 0.1
    longest: float = 5.0
    failures: int = field(default=0, init=False)

    def next_delay(self) -> float:
        """Count a failure and say how long to wait."""
        # The exponent is held down because a float overflows after a thousand failures.
        delay = min(self.first * 2 ** min(self.failures, 32), self.longest)
        self.failures += 1
        return jittered(delay)

    def reset(self) -> None:
        """Begin at `first` again."""
        self.failures = 0


def jittered(seconds: float) -> float:
    """`seconds`, 20 % more or less."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
