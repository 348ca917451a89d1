"""What the checks look at, and from where on they worry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Beyond these a check warns."""

    transaction_age: timedelta = timedelta(minutes=5)
    transactions_held: int = 1_000_000
    latency: timedelta = timedelta(milliseconds=100)
    clock_difference: timedelta = timedelta(seconds=2)
    connections_used: float = 0.8
    dead_rows: int = 10_000
    log_rows_pending: int = 100_000
    log_bytes: int = 10 * 1024**3
    silence: timedelta = timedelta(minutes=5)
    notification: timedelta = timedelta(seconds=3)
    check: timedelta = timedelta(seconds=15)
    """A check that takes longer is a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The queue behind a connection; `other` goes over another connection with the same settings.

    `listens_apart` says that `queries` listens on another connection than it sends on, as over a
    pool. `now` is the clock of this process.
    """

    queries: Queries
    other: Queries | None = None
    listens_apart: bool = False
    limits: Limits = Limits()
    now: Callable[[], datetime] = utc_now

    async def rows(self, statement: str, *args: object) -> list[dict[str, object]]:
        """The rows of `sql/doctor_<statement>.sql`."""
        return await self.queries.driver.fetch(
            self.queries.statements[f"doctor_{statement}"], *args
        )

    async def row(self, statement: str, *args: object) -> dict[str, object]:
        """The only row of `sql/doctor_<statement>.sql`."""
        [row] = await self.rows(statement, *args)
        return row
