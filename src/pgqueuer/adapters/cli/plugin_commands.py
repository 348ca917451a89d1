"""Commands that plugins add; plugins are loaded when a name is not built in."""

from __future__ import annotations

import logging

import click

from pgqueuer.plugins.commands import make_command
from pgqueuer.plugins.registry import PluginRegistry, fault, installed_plugins
from pgqueuer.plugins.specs import CommandSpec


def plugin_command(ctx: click.Context, name: str) -> click.Command:
    """The command `name` of a plugin; a name that nobody provides is a usage error."""
    registry = load_plugins()
    if name not in registry.names(CommandSpec):
        faults = [fault(plugin) for plugin in registry.plugins if plugin.status == "broken"]
        raise click.UsageError(" ".join([f"No such command {name!r}.", *faults]), ctx)
    return make_command(registry.command(name))


def load_plugins() -> PluginRegistry:
    """The plugins of this process; warnings about faulty ones go to stderr."""
    log = logging.getLogger("pgqueuer.plugins")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        log.addHandler(handler)
    return installed_plugins()
