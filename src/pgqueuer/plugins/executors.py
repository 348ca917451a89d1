"""Executors by name, for `executor=` of the decorators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from pgqueuer.plugins.registry import PluginRegistry, installed_plugins

if TYPE_CHECKING:
    from pgqueuer.core.executors import (
        AbstractEntrypointExecutor,
        AbstractScheduleExecutor,
        EntrypointExecutorParameters,
        ScheduleExecutorFactoryParameters,
    )


def resolve_executor(
    name: str,
    options: Mapping[str, object] | None = None,
    *,
    registry: PluginRegistry | None = None,
) -> Callable[[EntrypointExecutorParameters], AbstractEntrypointExecutor]:
    """What `executor_factory=` takes: the named executor with its options filled in.

    Raises as the lookups of the registry do, and FactoryError. Options that the executor does not
    know are a TypeError when it is called.
    """
    plugins = installed_plugins() if registry is None else registry
    return partial(plugins.executor(name).load(), **(options or {}))


def resolve_schedule_executor(
    name: str,
    options: Mapping[str, object] | None = None,
    *,
    registry: PluginRegistry | None = None,
) -> Callable[[ScheduleExecutorFactoryParameters], AbstractScheduleExecutor]:
    """As `resolve_executor`, for schedules."""
    plugins = installed_plugins() if registry is None else registry
    return partial(plugins.schedule_executor(name).load(), **(options or {}))
