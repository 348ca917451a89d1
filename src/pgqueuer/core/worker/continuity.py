"""What becomes of a run whose connection is lost for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pgqueuer.ports.driver import ConnectionLiveness
from pgqueuer.ports.repository import RepositoryPort


@dataclass(slots=True, kw_only=True)
class Continuity:
    """What a manager and its supervisor tell each other about the connection.

    With `replaceable` the supervisor brings another driver when the one of the manager is closed;
    until then the manager keeps its handlers running and their outcomes unwritten. The first one
    over a new connection is told by `after_outage`. Once `ending`
    is set the program stops, and what can not be written within a lease is given up. The manager
    sets `started` when it has found its tables; the worker gives `resume`, which renews its leases
    and puts back what it claimed without knowing, to be awaited after an exchange of the driver.
    """

    replaceable: bool = False
    after_outage: bool = False
    ending: bool = False
    started: bool = False
    resume: Callable[[], Awaitable[None]] | None = None

    @property
    def patient(self) -> bool:
        """Whether to wait for the database however long it stays away."""
        return self.replaceable and not self.ending

    def is_gone(self, queries: RepositoryPort) -> bool:
        """Whether no later query can succeed."""
        if self.replaceable:
            return False
        driver = queries.driver
        return isinstance(driver, ConnectionLiveness) and driver.closed
