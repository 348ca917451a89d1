"""A guard around tracers, which are foreign code: they may watch a job, never change its fate."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from types import TracebackType

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import Job
from pgqueuer.ports.tracing import TRACER, TracingProtocol

_NO_SPAN = nullcontext()


class TracerGuard:
    """Calls a tracer, if there is one, and logs each kind of fault once."""

    def __init__(self, tracer: TracingProtocol | None = None) -> None:
        self._given = tracer
        self._reported: set[tuple[str, type[BaseException]]] = set()

    @property
    def tracer(self) -> TracingProtocol | None:
        """The tracer that was given, else that of the process."""
        return self._given if self._given is not None else TRACER.tracer

    def publish(self, entrypoints: list[str]) -> list[dict[str, object]] | None:
        """Headers to send along, one mapping a job; None when there is nothing to add."""
        tracer = self.tracer
        if tracer is None:
            return None
        try:
            headers = list(tracer.trace_publish(entrypoints))
        except Exception as error:  # foreign code
            self.report("publish", error)
            return None
        if len(headers) != len(entrypoints):
            self.report("publish", ValueError("trace_publish must yield headers for each job"))
            return None
        return headers

    def process(self, job: Job) -> AbstractAsyncContextManager[None]:
        """A context manager to run the handler of `job` in."""
        tracer = self.tracer
        return _NO_SPAN if tracer is None else _GuardedSpan(self, tracer, job)

    def report(self, where: str, error: BaseException) -> None:
        """Log a fault of the tracer, the first time that it shows."""
        kind = (where, type(error))
        if kind not in self._reported:
            self._reported.add(kind)
            logger.error(
                "Tracer %s failed on %s; jobs go on without it. Said once for this kind of fault.",
                type(self.tracer).__name__,
                where,
                exc_info=error,
            )


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
            span = self._tracer.trace_process(self._job)
            await span.__aenter__()
        except Exception as error:  # foreign code
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
            await self._span.__aexit__(exc_type, exc, traceback)
        except Exception as error:  # foreign code
            if error is not exc:
                self._guard.report("exit", error)


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
        published = [guard.publish(entrypoints) for guard in self._guards]
        for place in range(len(entrypoints)):
            merged: dict[str, object] = {}
            for headers in published:
                if headers is not None:
                    merged |= headers[place]
            yield merged

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """The spans of all tracers around one run."""
        async with AsyncExitStack() as stack:
            for guard in self._guards:
                await stack.enter_async_context(guard.process(job))
            yield
