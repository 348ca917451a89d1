"""The executor `process`."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from functools import cached_property

from pgqueuer.executors import ProcessExecutor
from pgqueuer.models import Context
from pgqueuer_process.pool import ProcessPool

SMALLEST_MEMORY = 64 * 2**20
"""An interpreter takes a good part of this before the function begins."""


@dataclass(eq=False)
class LimitedProcessExecutor(ProcessExecutor):
    """Calls the function in one of `max_processes` processes, within limits.

    `memory_limit` is in bytes of address space, of the interpreter and the libraries too; a
    function that asks for more fails with MemoryLimitExceeded. One that runs for longer than
    `time_limit`, or whose job is canceled, is killed, and the processes that it started too. A
    function that ends its process fails with JobProcessDied; other jobs go on. A process is
    replaced after `jobs_per_process` jobs. What the function prints goes to standard error.

    Raises TypeError or ValueError for a function or an option that can not work.
    """

    _: KW_ONLY
    memory_limit: int | None = None
    time_limit: timedelta | None = None
    jobs_per_process: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count("jobs_per_process", self.jobs_per_process, 1)
        if self.memory_limit is not None:
            _check_count("memory_limit", self.memory_limit, SMALLEST_MEMORY)
        if self.time_limit is not None and (
            not isinstance(self.time_limit, timedelta) or self.time_limit <= timedelta(0)
        ):
            raise ValueError(f"time_limit must be a timedelta above 0, got {self.time_limit!r}")

    def check_function(self) -> None:
        super().check_function()
        func = self.parameters.func
        if getattr(func, "__module__", None) == "__main__":
            raise TypeError(
                f"{func!r} is defined in the program itself; move it to a module that another "
                "process can import"
            )

    async def call_elsewhere(self, function: Callable[[], object], context: Context) -> None:
        request = pickle.dumps(function)
        with context.cancellation:
            await self._pool.run(request, self.time_limit)

    @cached_property
    def _pool(self) -> ProcessPool:
        return ProcessPool(
            size=self.max_processes,
            jobs_per_process=self.jobs_per_process,
            memory_limit=self.memory_limit,
        )


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or not least <= value <= sys.maxsize:
        raise ValueError(f"{name} must be an int of at least {least}, got {value!r}")
