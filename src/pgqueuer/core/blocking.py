"""Executors for functions that block: in a thread, or in a process of their own."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
import traceback
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pgqueuer.core.annotations import is_async_callable
from pgqueuer.core.deadline import deadline
from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.domain.models import Context, Job

if TYPE_CHECKING:
    from anyio import CapacityLimiter


@dataclass(eq=False)
class BlockingExecutor(DatabaseRetryEntrypointExecutor):
    """Calls a `def` function outside of the event loop.

    Retries as its base does, but not unless `max_attempts` is given. Raises TypeError for an
    async function.
    """

    max_attempts: int = 0

    def check_function(self) -> None:
        func = self.parameters.func
        if is_async_callable(func):
            raise TypeError(
                f"{func!r} is async; it runs in the event loop by itself, so leave the executor out"
            )

    async def call_function(self, job: Job, context: Context) -> None:
        given = self.parameters
        function: Callable[[], object]
        if given.typed is not None:
            # Decoded here: another process imports the handler, and would make validators anew.
            function = partial(given.typed.func, *given.typed.arguments(job, context))
        else:
            arguments = (job, context) if given.accepts_context else (job,)
            function = partial(given.func, *arguments)
        async with deadline(given.timeout):
            await self.call_elsewhere(function, context)

    @abstractmethod
    async def call_elsewhere(self, function: Callable[[], object], context: Context) -> None:
        """Run `function` to its end and raise what it raises."""


@dataclass(eq=False)
class ThreadExecutor(BlockingExecutor):
    """Calls the function in one of `max_threads` threads of this entrypoint.

    No one can stop a thread. When the job runs out of time or the worker has to go, the function
    goes on without a job until it returns, and keeps its thread; `context.canceled` tells it.
    """

    _: KW_ONLY
    max_threads: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("max_threads", self.max_threads)

    async def call_elsewhere(self, function: Callable[[], object], context: Context) -> None:
        # The variables of the task, such as the current span, are those of the function too.
        task = contextvars.copy_context()
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, task.run, function)
        except asyncio.CancelledError:
            context.cancel()
            raise

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        name = getattr(self.parameters.func, "__name__", "handler")
        return ThreadPoolExecutor(self.max_threads, thread_name_prefix=f"pgqueuer-{name}")


@dataclass(eq=False)
class ProcessExecutor(BlockingExecutor):
    """Calls the function in one of `max_processes` other processes, kept for the next job.

    The function is imported there, so it is defined at the top of a module, and takes the job
    alone. A job that runs out of time or is canceled ends its process, and a process that dies
    fails its own job only, with `anyio.BrokenWorkerProcess`. Standard output is dropped there.
    """

    _: KW_ONLY
    max_processes: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("max_processes", self.max_processes)

    def check_function(self) -> None:
        super().check_function()
        func = self.parameters.func
        name = getattr(func, "__qualname__", "")
        if "<" in name:
            raise TypeError(
                f"{func!r} can not be found by another process; define it at the top of a module"
            )
        if self.parameters.accepts_context:
            raise TypeError(
                f"{func!r} runs in another process, where there is no Context; "
                "let it take the job alone"
            )

    async def call_elsewhere(self, function: Callable[[], object], context: Context) -> None:
        from anyio.to_process import run_sync  # noqa: PLC0415

        with context.cancellation:
            await run_sync(_call, function, cancellable=True, limiter=self._seats)

    @cached_property
    def _seats(self) -> CapacityLimiter:
        from anyio import CapacityLimiter  # noqa: PLC0415

        return CapacityLimiter(self.max_processes)


def check_size(name: str, size: object) -> None:
    """Raise ValueError unless `size` is an int of at least 1."""
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"{name} must be an int of at least 1, got {size!r}")


def _call(function: Callable[[], object]) -> None:
    """In the other process: the result stays there, an exception comes back with its traceback."""
    try:
        function()
    except Exception as error:
        note = "".join(traceback.format_exception(error))
        raise _portable(error, f"In the other process:\n{note}") from None


def _portable(error: Exception, note: str) -> Exception:
    """`error` with `note`; a stand-in for one that does not survive the way between processes."""
    error.add_note(note)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:
        stand_in = RuntimeError(f"{type(error).__name__}: {error}")
        stand_in.add_note(note)
        return stand_in
    return error
