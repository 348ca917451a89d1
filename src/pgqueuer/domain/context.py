"""What a running handler may use besides its job."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anyio import CancelScope

    from pgqueuer.domain.models import Job


class Completer(Protocol):
    """Ends a job within a transaction of its handler's and returns what identifies that."""

    async def complete_in_transaction(self, job: Job, connection: object) -> str: ...

    def complete_in_transaction_sync(self, job: Job, connection: object) -> str: ...


class Context:
    """What a running handler may use besides its job.

    `cancellation` is canceled when someone cancels the job or another worker takes it over; a
    handler that wants to be stopped runs its work inside `with context.cancellation:`. `resources`
    is the mapping that was given to the manager, shared by all its jobs. `transaction` identifies
    the last transaction in which the handler completed its job; whether it was committed is not
    known here.
    """

    __slots__ = ("_canceled", "_cancellation", "_completer", "_job", "resources", "transaction")

    def __init__(
        self,
        cancellation: CancelScope | None = None,
        resources: MutableMapping[str, object] | None = None,
        *,
        job: Job | None = None,
        completer: Completer | None = None,
    ) -> None:
        self._cancellation = cancellation
        self._canceled = False
        self._job = job
        self._completer = completer
        self.resources: MutableMapping[str, object] = {} if resources is None else resources
        self.transaction: str | None = None

    @property
    def cancellation(self) -> CancelScope:
        """The scope to run cancelable work in; made on first use, as most handlers never ask."""
        if self._cancellation is None:
            from anyio import CancelScope  # noqa: PLC0415

            self._cancellation = CancelScope()
            if self._canceled:
                self._cancellation.cancel()
        return self._cancellation

    @property
    def canceled(self) -> bool:
        """Whether cancellation was asked for."""
        return self._canceled or (
            self._cancellation is not None and self._cancellation.cancel_called
        )

    def cancel(self) -> None:
        """Ask the handler to stop."""
        self._canceled = True
        if self._cancellation is not None:
            self._cancellation.cancel()

    async def complete_in_transaction(self, connection: object) -> None:
        """End the job as successful, as a part of the transaction that `connection` is in.

        The job ends if, and only if, that transaction commits: what the handler writes in it has
        its effect exactly once. `connection` leads to the database of the queue: a connection of
        asyncpg or psycopg, a session or connection of SQLAlchemy, or a driver over one of these.

        Raises LeaseLostError when the job is not this worker's any more; let it pass, so that the
        transaction is rolled back. Raises RuntimeError outside of a transaction. From the call to
        the end of the transaction no other worker takes the job over.
        """
        job, completer = self._completing()
        self.transaction = await completer.complete_in_transaction(job, connection)

    def complete_in_transaction_sync(self, connection: object) -> None:
        """The same for a handler that runs in a thread, over a connection that blocks.

        `connection` is one of psycopg or psycopg2, a session or connection of SQLAlchemy, or a
        driver for producers over one of these.
        """
        job, completer = self._completing()
        self.transaction = completer.complete_in_transaction_sync(job, connection)

    def _completing(self) -> tuple[Job, Completer]:
        if self._job is None or self._completer is None:
            raise RuntimeError(
                "This context can not complete a job in a transaction; it must come from a worker "
                "whose jobs are in PostgreSQL"
            )
        return self._job, self._completer

    def __repr__(self) -> str:
        return f"Context(canceled={self.canceled}, resources={self.resources!r})"
