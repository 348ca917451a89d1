"""What an observer of a worker is: told about batches, never about single jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

OUTCOME: TypeAlias = Literal[
    "successful", "exception", "failed", "canceled", "retried", "released", "lost"
]
"""How one run of a job ended.

`retried` counts an attempt, `released` was put back without one. `lost` has no say any more, as
another worker has the job.
"""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """One run of a job.

    `waited` are the seconds from when the job was eligible until it was claimed, `ran` those that
    the handler took.
    """

    entrypoint: str
    outcome: OUTCOME
    waited: float
    ran: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsClaimed:
    """One claim that found jobs; `held` are all that the worker has now."""

    count: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsSettled:
    """A batch of outcomes, after it was written; `held` are the jobs that the worker still has."""

    outcomes: Sequence[JobOutcome]
    held: int

    def tally(self) -> Counter[tuple[str, OUTCOME]]:
        """How many jobs of each entrypoint ended in each way."""
        return Counter((one.entrypoint, one.outcome) for one in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerChanged:
    """Notifications are heard again, or not any more; the worker polls meanwhile."""

    healthy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimingChanged:
    """The worker claims jobs again, or not any more: it is told to stop, or has no database."""

    claiming: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBlocked:
    """The event loop turns again after `seconds` in which it did not.

    `entrypoints` are those whose handlers were seen to keep it, the one seen most first; none where
    it was other code.
    """

    seconds: float
    entrypoints: tuple[str, ...]


WorkerEvent: TypeAlias = JobsClaimed | JobsSettled | ListenerChanged | ClaimingChanged | LoopBlocked
"""What an observer may be told; one that meets a kind that it does not know ignores it."""


class WorkerObserver(Protocol):
    """Watches a worker; called in its event loop, so it must not block."""

    def observe(self, event: WorkerEvent) -> None:
        """Take note of `event`. An exception is logged once for each kind and changes nothing."""
        ...
