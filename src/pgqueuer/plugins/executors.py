"""Executors by name, for `executor=` of the decorators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pgqueuer.plugins.errors import FactoryError
from pgqueuer.plugins.plugin import Capability
from pgqueuer.plugins.registry import PluginRegistry, installed_plugins

if TYPE_CHECKING:
    from pgqueuer.core.executors import (
        AbstractEntrypointExecutor,
        AbstractScheduleExecutor,
        EntrypointExecutorParameters,
        ScheduleExecutorFactoryParameters,
    )

ExecutorT = TypeVar("ExecutorT", bound="AbstractEntrypointExecutor | AbstractScheduleExecutor")


def resolve_executor(
    name: str,
    options: Mapping[str, object] | None = None,
    *,
    registry: PluginRegistry | None = None,
) -> Callable[[EntrypointExecutorParameters], AbstractEntrypointExecutor]:
    """What `executor_factory=` takes: the named executor with its options filled in.

    Raises as the lookups of the registry do, and FactoryError. What the factory raises when it is
    called, as a TypeError for options that it does not know, carries the plugin's name in a note.
    """
    plugins = installed_plugins() if registry is None else registry
    return _named(plugins.executor(name), options or {})


def resolve_schedule_executor(
    name: str,
    options: Mapping[str, object] | None = None,
    *,
    registry: PluginRegistry | None = None,
) -> Callable[[ScheduleExecutorFactoryParameters], AbstractScheduleExecutor]:
    """As `resolve_executor`, for schedules."""
    plugins = installed_plugins() if registry is None else registry
    return _named(plugins.schedule_executor(name), options or {})


def _named(
    capability: Capability[Any, Callable[..., ExecutorT]], options: Mapping[str, object]
) -> Callable[[object], ExecutorT]:
    factory = capability.load()

    def make(parameters: object) -> ExecutorT:
        try:
            executor = factory(parameters, **options)
        except Exception as error:
            error.add_note(f"Raised by the factory of the {capability}.")
            raise
        if not callable(getattr(executor, "execute", None)):
            raise FactoryError(
                f"The {capability} is broken: its factory made {executor!r}, which has no execute."
            )
        if not capability.plugin.bundled:
            with suppress(AttributeError):  # of slots; the name is a convenience
                executor.provided_by = f", run by the {capability},"
        return executor

    return make
