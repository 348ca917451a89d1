"""The hooks: synchronous, without arguments, called once when plugins are loaded.

Each returns or yields specs. None stands for nothing to offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pgqueuer.plugins.markers import hookspec
from pgqueuer.plugins.specs import (
    CommandSpec,
    DriverSpec,
    ExecutorSpec,
    ScheduleExecutorSpec,
    ServiceSpec,
    Spec,
    TracerSpec,
)


@hookspec
def pgqueuer_register_drivers() -> Iterable[DriverSpec] | None:
    """Ways to reach a database, used by `--driver`, PGQUEUER_DRIVER and `connect()`."""


@hookspec
def pgqueuer_register_tracers() -> Iterable[TracerSpec] | None:
    """Tracers, to be taken from the registry by name."""


@hookspec
def pgqueuer_register_executors() -> Iterable[ExecutorSpec] | None:
    """Executors of jobs, used by `@pgq.entrypoint(..., executor="name")`."""


@hookspec
def pgqueuer_register_schedule_executors() -> Iterable[ScheduleExecutorSpec] | None:
    """Executors of schedules, used by `@pgq.schedule(..., executor="name")`."""


@hookspec
def pgqueuer_register_commands() -> Iterable[CommandSpec] | None:
    """Commands, mounted as `pgq NAME`."""


@hookspec
def pgqueuer_register_services() -> Iterable[ServiceSpec] | None:
    """Services that live inside a worker."""


HOOKS: Final[Mapping[str, type[Spec[Any]]]] = MappingProxyType(
    {
        "pgqueuer_register_drivers": DriverSpec,
        "pgqueuer_register_tracers": TracerSpec,
        "pgqueuer_register_executors": ExecutorSpec,
        "pgqueuer_register_schedule_executors": ScheduleExecutorSpec,
        "pgqueuer_register_commands": CommandSpec,
        "pgqueuer_register_services": ServiceSpec,
    }
)
"""What each hook offers."""
