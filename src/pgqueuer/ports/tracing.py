"""What a tracer is, and the tracer of the process."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pgqueuer.domain.models import Job


@runtime_checkable
class TracingProtocol(Protocol):
    """Follows a job from its producer to its handler."""

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """Yield one dictionary of headers for each entrypoint; it is merged into the job's."""
        ...

    def trace_process(self, job: Job) -> AbstractAsyncContextManager[None]:
        """Surround the handler; an exception of the handler passes through it."""
        ...


@dataclass
class TracingConfig:
    """Holds the tracer that is used where none is given."""

    tracer: TracingProtocol | None = None


TRACER = TracingConfig()


def set_tracing_class(tracer: TracingProtocol | None) -> None:
    """Use `tracer` for every manager and producer of this process that was given none."""
    TRACER.tracer = tracer
