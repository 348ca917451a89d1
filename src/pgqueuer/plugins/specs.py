"""What plugins offer: a name and where the object comes from, nothing that runs.

A spec with a wrong field raises when it is built, inside the hook, so the reason names the plugin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncio

    from pgqueuer.core.executors import AbstractEntrypointExecutor, AbstractScheduleExecutor
    from pgqueuer.domain.settings import ConnectionSettings
    from pgqueuer.ports.driver import Driver
    from pgqueuer.ports.observer import WorkerObserver
    from pgqueuer.ports.repository import RepositoryPort
    from pgqueuer.ports.tracing import TracingProtocol

    DriverFactory: TypeAlias = Callable[[ConnectionSettings], AbstractAsyncContextManager[Driver]]
    RepositoryFactory: TypeAlias = Callable[[Driver], RepositoryPort]
    TracerFactory: TypeAlias = Callable[[], TracingProtocol]
    ExecutorFactory: TypeAlias = Callable[..., AbstractEntrypointExecutor]
    ScheduleExecutorFactory: TypeAlias = Callable[..., AbstractScheduleExecutor]
    CommandFactory: TypeAlias = Callable[[], object]
    ServiceFactory: TypeAlias = Callable[["ServiceContext"], AbstractAsyncContextManager[None]]

FactoryT = TypeVar("FactoryT")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(Generic[FactoryT]):
    """One thing that a plugin offers.

    `name` is what users type: letters, digits, dots, hyphens and underscores. `factory` is
    "package.module:attribute", imported on first use, or the object itself. `requires` has the
    modules that must be installed; they are looked for without importing them. `install` is what
    to type when one is missing.
    """

    kind: ClassVar[str] = "capability"

    name: str
    factory: str | FactoryT
    summary: str = ""
    requires: tuple[str, ...] = ()
    install: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_factory("factory", self.factory)
        check_requires(self.requires)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec(Spec["DriverFactory"]):
    """`factory(ConnectionSettings)` opens a Driver and closes it with its context.

    `repository(driver)` builds the store that works with it, by default the PostgreSQL one.
    """

    kind: ClassVar[str] = "driver"

    repository: str | RepositoryFactory = "pgqueuer.adapters.persistence.queries:Queries"

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        check_factory("repository", self.repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerSpec(Spec["TracerFactory"]):
    """`factory()` makes a TracingProtocol."""

    kind: ClassVar[str] = "tracer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSpec(Spec["ExecutorFactory"]):
    """`factory(parameters, **executor_options)` makes an AbstractEntrypointExecutor."""

    kind: ClassVar[str] = "executor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleExecutorSpec(Spec["ScheduleExecutorFactory"]):
    """`factory(parameters, **executor_options)` makes an AbstractScheduleExecutor."""

    kind: ClassVar[str] = "schedule executor"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec(Spec["CommandFactory"]):
    """`factory()` makes a click or typer command; it can not replace a built-in one."""

    kind: ClassVar[str] = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec(Spec["ServiceFactory"]):
    """`factory(ServiceContext)` opens a context that lives as long as the worker."""

    kind: ClassVar[str] = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContext:
    """What a service may use. The worker owns all of it; a service closes nothing.

    `shutdown` is set when the worker begins to drain; a service that sets it ends the worker. What
    a service adds to `observers` when it starts is told of each batch of jobs. `options` are what
    the command line said for services, by the name of the option, as in `metrics-port`.
    """

    queries: RepositoryPort
    shutdown: asyncio.Event
    resources: MutableMapping[str, object]
    observers: MutableSequence[WorkerObserver] = field(default_factory=list)
    options: Mapping[str, str] = field(default_factory=dict)


def check_name(name: object) -> None:
    """Raise ValueError for a name that users could not type in a comma-separated list."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name={name!r}: use letters, digits, dots, hyphens and underscores, "
            "and begin with a letter or a digit"
        )


def check_factory(field: str, factory: object) -> None:
    """Raise for what is neither a reference to an object nor callable."""
    if isinstance(factory, str):
        if not _REFERENCE.fullmatch(factory):
            raise ValueError(f"{field}={factory!r}: write it as 'package.module:attribute'")
    elif not callable(factory):
        raise TypeError(f"{field}={factory!r}: give 'package.module:attribute' or a callable")


def check_requires(requires: object) -> None:
    """Raise TypeError for anything but a tuple of module names, such as a bare string."""
    if not isinstance(requires, tuple) or not all(isinstance(name, str) for name in requires):
        raise TypeError(f"requires={requires!r}: give a tuple of module names, as in ('ddtrace',)")
