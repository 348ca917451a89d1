"""The executor itself; imported when somebody uses it."""

from __future__ import annotations

import logging
import time

from pgqueuer.executors import EntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.models import Context, Job

logger = logging.getLogger("pgqueuer.acme")


class SlowLog(EntrypointExecutor):
    def __init__(self, parameters: EntrypointExecutorParameters, *, seconds: float = 1.0) -> None:
        super().__init__(parameters)
        self.seconds = seconds

    async def execute(self, job: Job, context: Context) -> None:
        start = time.perf_counter()
        try:
            await super().execute(job, context)
        finally:
            took = time.perf_counter() - start
            if took >= self.seconds:
                logger.warning("Job %s of %s took %.1f s", job.id, job.entrypoint, took)
