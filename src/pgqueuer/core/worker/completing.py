"""Finds out what became of the transactions in which handlers completed their jobs."""

from __future__ import annotations

import asyncio

from pgqueuer.core.backoff import Backoff
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import Context, Job
from pgqueuer.ports.repository import CompletionState, TransactionalCompletion


class Completions:
    """Asks the store; `store` is None where jobs can not be completed in transactions."""

    def __init__(self, store: object) -> None:
        self.store = store if isinstance(store, TransactionalCompletion) else None

    async def is_complete(self, job: Job, context: Context) -> bool:
        """Whether the handler, which has ended, completed the job in a transaction.

        Waits while that transaction is open, as nothing else can be written about the job until it
        has ended, and while the database stays away.
        """
        if self.store is None or context.transaction is None:
            return False
        backoff = Backoff(first=0.02, longest=1.0)
        while (state := await self._look(self.store, job, context.transaction)) in (None, "open"):
            if state == "open" and backoff.failures == 1:
                logger.warning(
                    "The handler of job %s has ended, but not the transaction in which it completed"
                    " the job; waiting for that",
                    job.id,
                )
            await asyncio.sleep(backoff.next_delay())
        return state == "committed"

    async def _look(
        self, store: TransactionalCompletion, job: Job, transaction: str
    ) -> CompletionState | None:
        try:
            return await store.completion_state(job, transaction)
        except Exception:
            logger.warning("The end of job %s can not be looked up, trying again", job.id)
            logger.debug("The end of job %s can not be looked up", job.id, exc_info=True)
            return None
