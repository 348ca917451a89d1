"""A guard around tracers, which are foreign code: they may watch a job, never change its fate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from itertools import islice
from time import perf_counter
from types import TracebackType
from typing import Any, Final, cast

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import Job
from pgqueuer.ports.tracing import TRACER, TracingProtocol

BLOCKING: Final = 0.1
"""Seconds without giving way, from which on a tracer is said to block."""

_NO_SPAN = nullcontext()


def _anything(headers: object) -> None:
    """No check."""


class NamedTracing:
    """A tracer with what to call it in the log; calls cost what they cost without it.

    Raises AttributeError for a tracer without the methods.
    """

    __slots__ = ("label", "trace_process", "trace_publish")

    def __init__(self, tracer: TracingProtocol, label: str) -> None:
        self.label = label
        self.trace_publish = tracer.trace_publish
        self.trace_process = tracer.trace_process


class TracerGuard:
    """Calls a tracer, if there is one, and logs each kind of fault once.

    One that keeps its thread for long is logged too; it can not be interrupted.
    """

    def __init__(self, tracer: TracingProtocol | None = None) -> None:
        self._given = tracer
        self._reported: set[tuple[str, type[BaseException] | None]] = set()

    @property
    def tracer(self) -> TracingProtocol | None:
        """The tracer that was given, else that of the process."""
        return self._given if self._given is not None else TRACER.tracer

    def publish(
        self, entrypoints: list[str], check: Callable[[object], object] = _anything
    ) -> list[dict[str, object]] | None:
        """Headers to send along, one mapping a job; None when there is nothing to add.

        `check` raises for headers that can not be kept, which counts as a fault of the tracer.
        """
        tracer = self.tracer
        if tracer is None:
            return None
        if isinstance(tracer, ComposedTracing):
            return list(tracer.merge_headers(entrypoints, check))
        try:
            return self._checked_headers(tracer, entrypoints, check)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # foreign code
            self.report("publish", error)
            return None

    def _checked_headers(
        self, tracer: TracingProtocol, entrypoints: list[str], check: Callable[[object], object]
    ) -> list[dict[str, object]]:
        started = perf_counter()
        # One more than wanted, as it may never end.
        headers = list(islice(tracer.trace_publish(entrypoints), len(entrypoints) + 1))
        self.took(perf_counter() - started, "publish")
        if len(headers) != len(entrypoints):
            raise ValueError("trace_publish must yield headers for each job")
        for one in headers:
            if one:
                check(one)
        return headers

    def process(self, job: Job) -> AbstractAsyncContextManager[None]:
        """A context manager to run the handler of `job` in."""
        tracer = self.tracer
        if tracer is None:
            return _NO_SPAN
        if isinstance(tracer, ComposedTracing):
            return tracer.trace_process(job)
        return _GuardedSpan(self, tracer, job)

    def report(self, where: str, error: BaseException) -> None:
        """Log a fault of the tracer, the first time that it shows."""
        if self._is_new(where, type(error)):
            logger.error(
                "Tracer %s failed on %s; jobs go on without it. Said once for this kind of fault.",
                label_of(self.tracer),
                where,
                exc_info=error,
            )

    def took(self, seconds: float, where: str) -> None:
        """Log that the tracer kept its thread for long, the first time that it does."""
        if seconds >= BLOCKING and self._is_new(where, None):
            logger.warning(
                "Tracer %s blocked for %.2f seconds on %s; nothing else in its thread or event "
                "loop moves meanwhile. Said once for %s.",
                label_of(self.tracer),
                seconds,
                where,
                where,
            )

    def _is_new(self, where: str, kind: type[BaseException] | None) -> bool:
        new = (where, kind) not in self._reported
        self._reported.add((where, kind))
        return new


class _GuardedSpan:
    """The span of one job; what the handler raises passes through it unchanged."""

    __slots__ = ("_guard", "_job", "_span", "_tracer")

    def __init__(self, guard: TracerGuard, tracer: TracingProtocol, job: Job) -> None:
        self._guard = guard
        self._tracer = tracer
        self._job = job
        self._span: AbstractAsyncContextManager[None] | None = None

    async def __aenter__(self) -> None:
        try:
            started = perf_counter()
            span = self._tracer.trace_process(self._job)
            self._guard.took(perf_counter() - started, "entry")
            await _Timed(span.__aenter__(), self._guard, "entry")
        except BaseException as error:  # foreign code
            _pass_on_stops(error)
            self._guard.report("entry", error)
        else:
            self._span = span

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._span is None:
            return
        try:
            await _Timed(self._span.__aexit__(exc_type, exc, traceback), self._guard, "exit")
        except BaseException as error:  # foreign code
            if error is exc:
                return
            _pass_on_stops(error)
            self._guard.report("exit", error)


class _Timed(Generator[object, None, object]):
    """Awaits a step of a tracer and times each stretch in which it does not give way."""

    __slots__ = ("_guard", "_steps", "_where")

    def __init__(self, step: Awaitable[object], guard: TracerGuard, where: str) -> None:
        self._steps = cast("Generator[object, None, object]", step.__await__())
        self._guard = guard
        self._where = where

    def __await__(self) -> Generator[object, None, object]:
        return self

    def send(self, value: None, /) -> object:
        started = perf_counter()
        try:
            return next(self._steps)
        finally:
            self._guard.took(perf_counter() - started, self._where)

    def throw(self, kind: Any, value: Any = None, traceback: object = None, /) -> object:
        started = perf_counter()
        try:
            return self._steps.throw(kind if value is None else value)
        finally:
            self._guard.took(perf_counter() - started, self._where)


def _pass_on_stops(error: BaseException) -> None:
    """Raise `error` again if it is somebody's wish to stop, and not the tracer's own idea."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise error


def label_of(tracer: TracingProtocol | None) -> str:
    """What to call a tracer in the log."""
    return tracer.label if isinstance(tracer, NamedTracing) else type(tracer).__name__


def compose(tracers: Sequence[TracingProtocol]) -> TracingProtocol | None:
    """One tracer that stands for all of them; None for none.

    The first one surrounds the others. Each is guarded by itself, so that a fault of one leaves
    the others at work. Headers of the same name are those of the last.
    """
    return ComposedTracing(tracers) if len(tracers) > 1 else next(iter(tracers), None)


class ComposedTracing:
    """Several tracers as one; see `compose`."""

    def __init__(self, tracers: Sequence[TracingProtocol]) -> None:
        self._guards = tuple(TracerGuard(tracer) for tracer in tracers)

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """The headers of all tracers, for each entrypoint."""
        return self.merge_headers(entrypoints, _anything)

    def merge_headers(
        self, entrypoints: list[str], check: Callable[[object], object]
    ) -> Generator[dict[str, object], None, None]:
        """As trace_publish; `check` is for the headers of each tracer by itself."""
        published = [guard.publish(entrypoints, check) for guard in self._guards]
        for place in range(len(entrypoints)):
            merged: dict[str, object] = {}
            for headers in published:
                if headers is not None:
                    merged |= headers[place] or {}
            yield merged

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """The spans of all tracers around one run."""
        async with AsyncExitStack() as stack:
            for guard in self._guards:
                await stack.enter_async_context(guard.process(job))
            yield
