"""Who may have a name when several plugins offer it: a bundled one, else nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pgqueuer.plugins.discovery import DENY
from pgqueuer.plugins.plugin import Plugin, capabilities
from pgqueuer.plugins.specs import CommandSpec

BUILT_IN_COMMANDS: Final = frozenset(
    {
        "autovac",
        "backlog",
        "completion",
        "dashboard",
        "doctor",
        "durability",
        "embedded",
        "entrypoints",
        "failed",
        "install",
        "listen",
        "mcp",
        "pause",
        "plugins",
        "prune",
        "queue",
        "requeue",
        "resume",
        "run",
        "schedules",
        "sql",
        "stale",
        "uninstall",
        "upgrade",
        "verify",
        "web",
        "workers",
    }
)
"""What `pgq NAME` means without any plugin."""


def settle_names(plugins: tuple[Plugin, ...]) -> tuple[Plugin, ...]:
    """Mark plugins that take a bundled name as broken, and those that share one as in conflict.

    A command that is named like a built-in one is a conflict too: a new release may bring it.
    """
    plugins = refuse_bundled_names(plugins)
    owners: dict[tuple[str, str], list[Plugin]] = defaultdict(list)
    for capability in capabilities(plugins):
        owners[capability.spec.kind, capability.spec.name].append(capability.plugin)
    shared = {key: found for key, found in owners.items() if len(found) > 1}
    return tuple(mark_conflict(plugin, shared) for plugin in plugins)


def refuse_bundled_names(plugins: tuple[Plugin, ...]) -> tuple[Plugin, ...]:
    """Mark the strangers among them that offer what a bundled one does; the first fault counts."""
    bundled = tuple(plugin for plugin in plugins if plugin.bundled)
    reserved = {(found.spec.kind, found.spec.name) for found in capabilities(bundled)}

    def checked(plugin: Plugin) -> Plugin:
        taken = [spec for spec in plugin.specs if (spec.kind, spec.name) in reserved]
        if plugin.bundled or not taken:
            return plugin
        error = f"the {taken[0].kind} name {taken[0].name!r} belongs to a bundled plugin"
        return replace(plugin, status="broken", specs=(), error=error)

    return tuple(map(checked, plugins))


def mark_conflict(plugin: Plugin, shared: Mapping[tuple[str, str], list[Plugin]]) -> Plugin:
    """The plugin itself unless one of its names is shared."""
    for spec in plugin.specs:
        if isinstance(spec, CommandSpec) and spec.name in BUILT_IN_COMMANDS:
            error = f"the command {spec.name!r} is built in, so that of the plugin is never run"
            return replace(plugin, status="conflict", error=error)
        if owners := shared.get((spec.kind, spec.name)):
            error = conflict(spec.kind, spec.name, owners)
            return replace(plugin, status="conflict", error=error)
    return plugin


def conflict(kind: str, name: str, owners: Iterable[Plugin]) -> str:
    """What to say about a name that several plugins offer."""
    return (
        f"The {kind} {name!r} is offered by {', '.join(map(str, owners))}; uninstall all but "
        f"one, or name the others in {DENY}."
    )
