"""From an entry point to the specs of a plugin, so that a fault stays with the one that has it.

pluggy's own loader stops at the first import that fails, drops the second plugin of a name, never
awaits an asynchronous hook and loses all results when one raises. Here each plugin has a manager
of its own.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any

from pluggy import HookCaller, PluginManager

from pgqueuer.plugins import hookspecs
from pgqueuer.plugins.discovery import Candidate
from pgqueuer.plugins.hookspecs import HOOKS
from pgqueuer.plugins.markers import PROJECT
from pgqueuer.plugins.plugin import Plugin, describe
from pgqueuer.plugins.specs import Spec

PREFIX = "pgqueuer_register_"
SLOW = 2.0
"""Seconds from which on a plugin that takes so long to load is named."""

logger = logging.getLogger(__name__)


class PluginFaultError(Exception):
    """Why one plugin can not be used; becomes the `error` of its record."""


def load_plugin(candidate: Candidate) -> Plugin:
    """Import the plugin and call its hooks; whatever it raises makes it broken."""
    started = perf_counter()
    try:
        specs = tuple(collect_specs(import_plugin(candidate)))
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # kept in the record; SystemExit would end us too
        return record(candidate, status="broken", error=reason(exc), cause=exc)
    plugin = record(candidate, specs=specs)
    if (seconds := perf_counter() - started) >= SLOW:
        logger.warning(
            "Plugin %s took %.1f seconds to load; its module should import little.",
            plugin,
            seconds,
        )
    return plugin


def record(candidate: Candidate, **outcome: Any) -> Plugin:
    """The record of a candidate with what became of it."""
    return Plugin(
        name=candidate.name,
        distribution=candidate.distribution,
        version=candidate.version,
        bundled=candidate.bundled,
        **outcome,
    )


def reason(exc: BaseException) -> str:
    """One line for the user."""
    return str(exc) if isinstance(exc, PluginFaultError) else describe(exc)


def import_plugin(candidate: Candidate) -> object:
    """The module or instance that the entry point names."""
    target = candidate.entry_point.value
    try:
        plugin: object = candidate.entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        raise PluginFaultError(f"importing {target!r} raised {describe(exc)}") from exc
    if inspect.isclass(plugin):
        raise PluginFaultError(f"{target!r} is a class; name a module, or an instance of the class")
    return plugin


def collect_specs(plugin: object) -> Iterator[Spec[Any]]:
    """What all hooks of the plugin return, checked."""
    seen: set[tuple[str, str]] = set()
    for hook in register(plugin):
        for spec in call(hook):
            key = (spec.kind, spec.name)
            if key in seen:
                raise PluginFaultError(f"offers the {spec.kind} {spec.name!r} twice")
            seen.add(key)
            yield spec


def register(plugin: object) -> list[HookCaller]:
    """The hooks that the plugin implements, checked, each with this implementation only."""
    manager = PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        check_implementation(caller)
    check_unmarked(plugin, {caller.name for caller in callers})
    if not callers:
        raise PluginFaultError(
            "has no hooks; define one of "
            f"{', '.join(HOOKS)} and mark it with @hookimpl from pgqueuer.plugins"
        )
    return [caller for caller in callers if caller.has_spec()]


def check_implementation(caller: HookCaller) -> None:
    """Raise for an unknown hook that is not marked optional, and for an asynchronous one."""
    for implementation in caller.get_hookimpls():
        if not caller.has_spec() and not implementation.optionalhook:
            raise PluginFaultError(f"implements {caller.name!r}, {unknown_hook(caller.name)}")
        function = inspect.unwrap(implementation.function)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise PluginFaultError(
                f"{caller.name} is asynchronous; write it with def, not async def"
            )


def check_unmarked(plugin: object, implemented: set[str]) -> None:
    """Raise for a function that is named as a hook and has no marker: pluggy would skip it."""
    for name in dir(plugin):
        if name.startswith(PREFIX) and name not in implemented:
            raise PluginFaultError(f"{name} has no marker; decorate it with @hookimpl")


def unknown_hook(name: str) -> str:
    """What to say about a hook that does not exist."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a fault

    close = get_close_matches(name, HOOKS, n=1)
    meant = f"did you mean {close[0]}?" if close else f"the hooks are {', '.join(HOOKS)}"
    return f"which is no hook; {meant}"


def call(hook: HookCaller) -> Iterator[Spec[Any]]:
    """The specs that one hook returns or yields."""
    expected = HOOKS[hook.name]
    for returned in hook():
        if not isinstance(returned, Iterable):
            if inspect.iscoroutine(returned):
                returned.close()
            raise PluginFaultError(
                f"{hook.name} returned {returned!r}; return a list of {expected.__name__} "
                "or yield each"
            )
        for spec in returned:
            if type(spec) is not expected:
                raise PluginFaultError(
                    f"{hook.name} offers {spec!r}, which is no {expected.__name__}"
                )
            yield spec
