"""What the supervisor asks of managers, whichever kind they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pgqueuer.core.applications import PgQueuer
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.core.worker.continuity import Continuity
from pgqueuer.plugins.services import running
from pgqueuer.plugins.specs import ServiceContext
from pgqueuer.ports.driver import ConnectionLiveness, Driver
from pgqueuer.ports.repository import DriverExchange, RepositoryPort

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import ServiceFactory

Manager: TypeAlias = PgQueuer | QueueManager | SchedulerManager
ManagerFactory: TypeAlias = Callable[[], AbstractAsyncContextManager[Manager]]


def setup_shutdown_handlers(manager: object, shutdown: asyncio.Event) -> Manager:
    """Make `shutdown` the event that stops `manager`, and return the manager.

    Raises NotImplementedError for anything but a PgQueuer, QueueManager or SchedulerManager.
    """
    match manager:
        case PgQueuer():
            manager.shutdown = manager.qm.shutdown = manager.sm.shutdown = shutdown
        case QueueManager() | SchedulerManager():
            manager.shutdown = shutdown
        case _:
            raise NotImplementedError(
                f"The factory yielded {type(manager).__name__}; "
                "yield a PgQueuer, a QueueManager or a SchedulerManager."
            )
    return manager


def parts_of(manager: Manager) -> tuple[QueueManager | SchedulerManager, ...]:
    """The managers that `manager` consists of."""
    return (manager.qm, manager.sm) if isinstance(manager, PgQueuer) else (manager,)


def set_continuity(manager: Manager, wanted: bool) -> Continuity:
    """Tell `manager` whether it gets another connection for a lost one.

    It does if that is `wanted`, and its drivers can tell and its repositories mend the loss.
    """
    repositories = _repositories(manager)
    exchangeable = all(isinstance(each, DriverExchange) for each in repositories)
    telling = all(isinstance(each.driver, ConnectionLiveness) for each in repositories)
    possible = bool(repositories) and exchangeable and telling
    continuity = Continuity(replaceable=wanted and possible)
    for part in parts_of(manager):
        part.continuity = continuity
    return continuity


def is_cut_off(manager: Manager) -> bool:
    """Whether the connection of `manager` is gone for good, as far as it is known."""
    return any(
        isinstance(each.driver, ConnectionLiveness) and each.driver.closed
        for each in _repositories(manager)
    )


def driver_of(manager: Manager) -> Driver | None:
    """The connection of `manager`; None for one that has none."""
    return next((each.driver for each in _repositories(manager)), None)


def go_on_over(driver: Driver, manager: Manager) -> None:
    """Let `manager` reach the database through `driver` from now on."""
    for repository in _repositories(manager):
        if isinstance(repository, DriverExchange):
            repository.use_driver(driver)
    if isinstance(manager, PgQueuer):
        manager.connection = driver


def share_running_jobs(elder: Manager, younger: Manager) -> None:
    """Let `younger` know what `elder` runs, so that it starts none of it a second time."""
    for old in parts_of(elder):
        for new in parts_of(younger):
            if isinstance(old, QueueManager) and isinstance(new, QueueManager):
                new.job_context = old.job_context


def running_jobs(manager: Manager) -> int:
    """How many handlers run."""
    return sum(
        len(part.job_context) for part in parts_of(manager) if isinstance(part, QueueManager)
    )


def _repositories(manager: Manager) -> list[RepositoryPort]:
    found = [getattr(part, "queries", None) for part in parts_of(manager)]
    return list({id(each): each for each in found if each is not None}.values())


@dataclass(frozen=True)
class Services:
    """The services that run beside a manager, and what the user said for them."""

    factories: Mapping[str, ServiceFactory] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def beside(self, manager: Manager) -> AbstractAsyncContextManager[None]:
        """Start them, with what belongs to `manager`, and end them after the block."""
        if not self.factories:
            return nullcontext()
        queue = manager.qm if isinstance(manager, PgQueuer) else manager
        return running(
            self.factories,
            ServiceContext(
                queries=queue.queries,
                shutdown=manager.shutdown,
                resources=manager.resources,
                observers=queue.observers if isinstance(queue, QueueManager) else [],
                options=self.options,
            ),
        )
