"""The spans of Logfire, which this module imports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import logfire
from logfire.propagate import attach_context, get_context

from pgqueuer.domain.errors import retry_request
from pgqueuer.domain.models import Job


class LogfireSpans:
    """The tracer behind `LogfireTracing`."""

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        """One span for a call; every job of it carries its context."""
        with logfire.span(
            "enqueue {entrypoints}", entrypoints=sorted(set(entrypoints)), jobs=len(entrypoints)
        ):
            context = get_context()
        for _ in entrypoints:
            yield {"logfire": dict(context)}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """A span for one run; it ends in error, with the exception, when the handler raises.

        A retry that the handler asks for is a warning inside of it.
        """
        retry: Exception | None = None
        with (
            attach_context(job.logfire_headers() or {}),
            logfire.span(
                "process {entrypoint}",
                entrypoint=job.entrypoint,
                job_id=job.id,
                attempts=job.attempts,
            ),
        ):
            try:
                yield
            except Exception as error:
                request = retry_request(error)
                if request is None:
                    raise
                logfire.warn("retry requested", delay=request.delay, reason=request.reason)
                retry = error
        # Not through the span, which would take it for a failure.
        if retry is not None:
            raise retry
