"""A tracer that logs how long each job took, and who had asked for it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pgqueuer.plugins import TracerSpec, hookimpl

if TYPE_CHECKING:
    from pgqueuer.models import Job

logger = logging.getLogger("pgqueuer.acme")


@hookimpl
def pgqueuer_register_tracers() -> Iterator[TracerSpec]:
    yield TracerSpec(
        name="acme-log",
        factory="acme_tracer:LogTracing",
        summary="logs the time of each job and the process that enqueued it",
    )


class LogTracing:
    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        for _ in entrypoints:
            yield {"acme-producer": os.getpid()}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            producer = (job.headers or {}).get("acme-producer")
            logger.info("%s of process %s took %.3f s", job.entrypoint, producer, seconds)
