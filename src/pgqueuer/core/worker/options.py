"""The settings of one run, checked where they enter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pgqueuer.core.ranges import check_count, check_duration, check_heartbeat_timeout
from pgqueuer.domain.types import QueueExecutionMode

DEFAULT_CONCURRENT_TASKS = 1_000
"""How many jobs a worker runs at once unless it is told otherwise, so that its memory has a bound
and a large backlog is shared with the other workers."""

MAX_BATCH_SIZE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run()` was asked to do; raises ValueError or TypeError with the allowed range."""

    dequeue_timeout: timedelta
    batch_size: int | None
    mode: QueueExecutionMode
    max_concurrent_tasks: int | None
    shutdown_on_listener_failure: bool
    heartbeat_timeout: timedelta
    log_aggregation_interval: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        check_duration("dequeue_timeout", self.dequeue_timeout)
        check_heartbeat_timeout(self.heartbeat_timeout)
        check_duration("log_aggregation_interval", self.log_aggregation_interval)
        if not isinstance(self.mode, QueueExecutionMode):
            raise TypeError(
                "mode must be QueueExecutionMode.continuous or QueueExecutionMode.drain; "
                f"got {self.mode!r}"
            )
        self._check_counts()

    def _check_counts(self) -> None:
        if self.batch_size is not None:
            also = ", or None for a size that finds itself"
            check_count("batch_size", self.batch_size, 1, MAX_BATCH_SIZE, also)
        if self.max_concurrent_tasks is not None:
            also = f" (0: no bound), or None for {DEFAULT_CONCURRENT_TASKS:,}"
            check_count("max_concurrent_tasks", self.max_concurrent_tasks, 0, None, also)
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
