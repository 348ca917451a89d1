"""Completing a job within a transaction of its handler's."""

from __future__ import annotations

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.sqlstate import is_invalid_parameter
from pgqueuer.domain.errors import LeaseLostError
from pgqueuer.domain.models import Job
from pgqueuer.ports.repository import CompletionState


class CompletingQueries(StatementRunner):
    """What `TransactionalCompletion` asks for, in PostgreSQL."""

    async def complete_in_transaction(self, job: Job, connection: object) -> str:
        """End `job` within the transaction that `connection` is in, and return its id.

        For workers of your own; a handler calls its `Context`. Raises LeaseLostError when the
        owner that `job` names does not hold it, RuntimeError outside of a transaction.
        """
        from pgqueuer.adapters.drivers.transactions import driver_in  # noqa: PLC0415 - rarely used

        driver = driver_in(connection)
        rows = await driver.fetch(self.statements["complete"], job.id, job.queue_manager_id)
        return _transaction(job, rows)

    def complete_in_transaction_sync(self, job: Job, connection: object) -> str:
        """The same over a connection that blocks."""
        from pgqueuer.adapters.drivers.transactions import (  # noqa: PLC0415 - rarely used
            sync_driver_in,
        )

        driver = sync_driver_in(connection)
        rows = driver.fetch(self.statements["complete"], job.id, job.queue_manager_id)
        return _transaction(job, rows)

    async def completion_state(self, job: Job, transaction: str) -> CompletionState:
        """What became of a transaction in which `job` was completed."""
        try:
            status, held = await self._look(job, transaction)
            if held and status == "committed":
                # It was committed after the statement began, or only a savepoint was rolled back.
                status, held = await self._look(job, transaction)
        except Exception as error:
            if is_invalid_parameter(error):
                return "undone"  # a server that crashed since knows nothing of it
            raise
        if status == "in progress":
            return "open"
        return "committed" if status == "committed" and not held else "undone"

    async def _look(self, job: Job, transaction: str) -> tuple[object, bool]:
        (row,) = await self._fetch("completion_state", transaction, job.id, job.queue_manager_id)
        return row["transaction"], bool(row["held"])


def _transaction(job: Job, rows: list[dict[str, object]]) -> str:
    if not rows:
        raise LeaseLostError(job.id)
    return str(rows[0]["transaction"])
