"""Holds what plugins offer against what the kernel expects, as far as that works at rest.

No connection is opened and no executor is built: that may cost, or need options. Tracers and
commands take no arguments, so those are made and looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from pgqueuer.plugins.errors import FactoryError, MissingRequirementError, PluginError
from pgqueuer.plugins.plugin import Capability, describe
from pgqueuer.plugins.specs import (
    CommandSpec,
    DriverSpec,
    ExecutorSpec,
    ScheduleExecutorSpec,
    ServiceSpec,
    Spec,
    TracerSpec,
)

Factory = Callable[..., object]

CONTEXT_METHODS: Final = ("__aenter__", "__aexit__")
TRACER_METHODS: Final = ("trace_publish", "trace_process")


def find_fault(capability: Capability[Any, Any]) -> str | None:
    """Why the capability would fail when it is used, or None.

    Resolves its factories; a requirement that is not installed is a fault too.
    """
    try:
        factory = capability.load()
        if isinstance(capability.spec, DriverSpec):
            check_call("repository", capability.resolve(capability.spec.repository), 1)
        CHECKS[type(capability.spec)](factory)
    except (FactoryError, MissingRequirementError) as exc:
        return str(exc)
    except PluginError as exc:
        return f"The {capability} would fail. {exc}"
    except Exception as exc:  # what a stranger's factory raises is the finding
        return f"The {capability} would fail: {describe(exc)}"
    return None


def check_context_factory(factory: Factory) -> None:
    """A driver or a service: called with one argument, gives an asynchronous context."""
    check_call("factory", factory, 1)
    if inspect.iscoroutinefunction(factory) or inspect.isasyncgenfunction(factory):
        raise PluginError("The factory is asynchronous; decorate it with @asynccontextmanager.")
    if inspect.isclass(factory):
        check_methods("The class of the factory", factory, CONTEXT_METHODS)


def check_executor(factory: Factory) -> None:
    """Called with the parameters and options, gives something with `async execute`."""
    check_call("factory", factory, 1, partial=True)
    if inspect.iscoroutinefunction(factory):
        raise PluginError("The factory is asynchronous; it has to return the executor itself.")
    if inspect.isclass(factory):
        check_methods("The class of the factory", factory, ("execute",))
        if not inspect.iscoroutinefunction(getattr(factory, "execute", None)):
            raise PluginError("The method execute is not asynchronous; write it with async def.")


def check_tracer(factory: Factory) -> None:
    """Called without arguments, gives a TracingProtocol."""
    check_call("factory", factory, 0)
    check_methods("The tracer", factory(), TRACER_METHODS)


def check_command(factory: Factory) -> None:
    """Called without arguments, gives a click or typer command."""
    from pgqueuer.plugins.commands import as_click  # noqa: PLC0415 - click is for programs only

    check_call("factory", factory, 0)
    command = factory()
    try:
        as_click(command, "it")
    except TypeError as exc:
        raise PluginError(
            f"The factory made {command!r}, which is no click or typer command."
        ) from exc


CHECKS: Final = MappingProxyType[type[Spec[Any]], Callable[[Factory], None]](
    {
        DriverSpec: check_context_factory,
        ServiceSpec: check_context_factory,
        ExecutorSpec: check_executor,
        ScheduleExecutorSpec: check_executor,
        TracerSpec: check_tracer,
        CommandSpec: check_command,
    }
)


def check_call(field: str, factory: object, arguments: int, *, partial: bool = False) -> None:
    """Raise PluginError unless `factory` can be called with that many positional arguments."""
    if not callable(factory):
        raise PluginError(f"The {field} {factory!r} can not be called.")
    try:
        signature = inspect.signature(factory)
    except ValueError:
        # Some callables written in C do not tell.
        return
    bind = signature.bind_partial if partial else signature.bind
    try:
        bind(*[None] * arguments)
    except TypeError as exc:
        raise PluginError(f"The {field} takes {signature}: {exc}.") from exc


def check_methods(what: str, owner: object, names: tuple[str, ...]) -> None:
    """Raise PluginError for methods that `owner` lacks."""
    lacking = [name for name in names if not callable(getattr(owner, name, None))]
    if lacking:
        raise PluginError(f"{what} lacks {', '.join(lacking)}.")
