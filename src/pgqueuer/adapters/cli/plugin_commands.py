"""Commands that plugins add; plugins are loaded when a name is not built in."""

from __future__ import annotations

import logging
from importlib import import_module

import click

from pgqueuer.plugins.registry import PluginRegistry, fault, installed_plugins
from pgqueuer.plugins.specs import CommandSpec


def plugin_command(ctx: click.Context, name: str) -> click.Command:
    """The command `name` of a plugin; a name that nobody provides is a usage error."""
    registry = load_plugins()
    if name not in registry.names(CommandSpec):
        faults = [fault(plugin) for plugin in registry.plugins if plugin.status == "broken"]
        raise click.UsageError(" ".join([f"No such command {name!r}.", *faults]), ctx)
    return as_click(registry.command(name).load()(), name)


def load_plugins() -> PluginRegistry:
    """The plugins of this process; warnings about faulty ones go to stderr."""
    log = logging.getLogger("pgqueuer.plugins")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        log.addHandler(handler)
    return installed_plugins()


def as_click(command: object, name: str) -> click.Command:
    """`command` itself, or what typer makes of its own kind."""
    if type(command).__module__.partition(".")[0] == "typer":
        command = import_module("typer.main").get_command(command)
    if not isinstance(command, click.Command):
        raise TypeError(f"The plugin's command {name!r} is neither a click nor a typer command")
    return command
