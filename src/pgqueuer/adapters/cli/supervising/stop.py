"""Stopping in two steps, by signals or by an event."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any, TypeAlias, TypeVar

from pgqueuer.core.logconfig import logger

T = TypeVar("T")
_Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A stop in two steps: `shutdown` asks for a drain, `abort` ends what still runs."""

    def __init__(self, shutdown: asyncio.Event, on_abort: Callable[[], None] | None = None) -> None:
        self.shutdown = shutdown
        self.abort = asyncio.Event()
        self._on_abort = on_abort

    async def enforce(self, timeout: timedelta | None) -> None:
        """Take the second step `timeout` after the first."""
        if timeout is None:
            return
        await self.shutdown.wait()
        await await_shutdown_or_timeout(self.abort, timeout)
        self.abort.set()

    async def tell_abort(self) -> None:
        """Call what the caller wants to be told of the second step with."""
        await self.abort.wait()
        if self._on_abort is not None:
            self._on_abort()

    async def cut_short(self, work: Awaitable[T], by: asyncio.Event | None = None) -> T | None:
        """The result of `work`, or None when `by` (`abort`) canceled it before there was one.

        A manager that is canceled puts its jobs back to the queue.
        """
        deadline = asyncio.timeout(None)
        try:
            async with deadline, background(self._expire(deadline, by or self.abort)):
                return await work
        except TimeoutError:
            if not deadline.expired():
                raise
        if by is None:
            logger.warning("Stopped at once; jobs that were still running go back to the queue")
        else:
            logger.warning("Stopped before the worker had started")
        return None

    async def _expire(self, deadline: asyncio.Timeout, by: asyncio.Event) -> None:
        await by.wait()
        deadline.reschedule(asyncio.get_running_loop().time())


async def await_shutdown_or_timeout(shutdown: asyncio.Event, timeout: timedelta) -> None:
    """Return when `shutdown` is set or `timeout` has passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout.total_seconds()):
            await shutdown.wait()


async def forward_shutdown(source: asyncio.Event, target: asyncio.Event) -> None:
    """Set `target` once `source` is set."""
    await source.wait()
    target.set()


@contextmanager
def signals(stop: Stop) -> Generator[None]:
    """Let SIGINT and SIGTERM stop; afterwards they do what they did before."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    setup_signal_handlers(stop.shutdown, stop.abort)
    try:
        yield
    finally:
        _reset_signal_handlers(before)


def setup_signal_handlers(shutdown: asyncio.Event, abort: asyncio.Event | None = None) -> None:
    """Set `shutdown` at the first SIGINT or SIGTERM, and `abort` at the second.

    After the second one the signals are not handled any more, so that a third one ends the
    process. Where the event loop can not handle signals, this only logs a warning.
    """

    def receive(number: int) -> None:
        if not shutdown.is_set():
            shutdown.set()
        elif abort is not None:
            _reset_signal_handlers(dict.fromkeys(_SIGNALS, signal.SIG_DFL))
            abort.set()
        logger.info("Signal %d received", number)

    loop = asyncio.get_running_loop()
    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, receive, number)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        logger.warning("Signals will not stop this worker gracefully: %s", error or "no support")


def _reset_signal_handlers(handlers: Mapping[signal.Signals, _Handler]) -> None:
    """Put `handlers` in the place of those of the loop; nothing to do where it has none."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)


@asynccontextmanager
async def background(coroutine: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Run `coroutine` beside the block and cancel it at the end."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
