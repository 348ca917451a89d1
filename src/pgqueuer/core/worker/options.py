"""The settings of one run, checked where they enter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pgqueuer.domain.types import QueueExecutionMode

DEFAULT_CONCURRENT_TASKS = 1_000
"""How many jobs a worker runs at once unless it is told otherwise, so that its memory has a bound
and a large backlog is shared with the other workers."""

MAX_BATCH_SIZE = 100_000
MAX_DURATION = timedelta(days=7)
MIN_HEARTBEAT_TIMEOUT = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run()` was asked to do; raises ValueError with the allowed range."""

    dequeue_timeout: timedelta
    batch_size: int | None
    mode: QueueExecutionMode
    max_concurrent_tasks: int | None
    shutdown_on_listener_failure: bool
    heartbeat_timeout: timedelta
    log_aggregation_interval: timedelta

    def __post_init__(self) -> None:
        _between("dequeue_timeout", self.dequeue_timeout, timedelta(0), MAX_DURATION)
        _between("heartbeat_timeout", self.heartbeat_timeout, MIN_HEARTBEAT_TIMEOUT, MAX_DURATION)
        _between(
            "log_aggregation_interval", self.log_aggregation_interval, timedelta(0), MAX_DURATION
        )
        if self.batch_size is not None and not 1 <= self.batch_size <= MAX_BATCH_SIZE:
            raise ValueError(
                f"batch_size must be from 1 to {MAX_BATCH_SIZE}, or None for a size that finds "
                f"itself; got {self.batch_size}"
            )
        if self.max_concurrent_tasks is not None and self.max_concurrent_tasks < 0:
            raise ValueError(
                "max_concurrent_tasks must be at least 1, 0 for no bound, or None for the "
                f"default of {DEFAULT_CONCURRENT_TASKS}; got {self.max_concurrent_tasks}"
            )
        if (
            self.max_concurrent_tasks
            and self.batch_size is not None
            and self.max_concurrent_tasks < 2 * self.batch_size
        ):
            raise RuntimeError("max_concurrent_tasks must be at least twice the batch size.")

    @property
    def capacity(self) -> int | None:
        """How many jobs may run at once; None for no bound."""
        if self.max_concurrent_tasks is None:
            return DEFAULT_CONCURRENT_TASKS
        return self.max_concurrent_tasks or None

    @property
    def drain(self) -> bool:
        """Whether to end when there is no work left."""
        return self.mode is QueueExecutionMode.drain


def _between(name: str, value: timedelta, low: timedelta, high: timedelta) -> None:
    if not low <= value <= high:
        raise ValueError(
            f"{name} must be from {low.total_seconds():g} to {high.total_seconds():g} seconds; "
            f"got {value.total_seconds():g}"
        )
