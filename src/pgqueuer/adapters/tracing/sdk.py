"""Tracers over libraries that may not be installed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, nullcontext

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import Job
from pgqueuer.ports.tracing import TracingProtocol


class SdkTracing:
    """A tracer made by `make`, which imports `library`; one that does nothing without it."""

    def __init__(self, library: str, extra: str, make: Callable[[], TracingProtocol]) -> None:
        self._spans: TracingProtocol | None = None
        try:
            self._spans = make()
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != library:
                raise
            logger.warning(
                "%s traces nothing: %s is not installed. Run pip install 'pgqueuer[%s]'.",
                type(self).__name__,
                library,
                extra,
            )

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """Yield one dictionary of headers for each entrypoint."""
        if self._spans is None:
            return ({} for _ in entrypoints)
        return self._spans.trace_publish(entrypoints)

    def trace_process(self, job: Job) -> AbstractAsyncContextManager[None]:
        """Surround one run of the handler; it ends in error when the handler raises."""
        return nullcontext() if self._spans is None else self._spans.trace_process(job)
