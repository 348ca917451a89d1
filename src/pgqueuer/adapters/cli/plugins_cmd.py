"""`pgq plugins`: what is installed, and whether it would work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pgqueuer.adapters.cli.new_plugin.names import BadNameError, Names
from pgqueuer.adapters.cli.new_plugin.writing import KINDS, write_distribution
from pgqueuer.adapters.cli.tables import json_option, show_json_objects, show_table
from pgqueuer.plugins.checks import find_fault
from pgqueuer.plugins.plugin import Capability, Plugin
from pgqueuer.plugins.registry import PluginRegistry, installed_plugins

HEADERS = ("plugin", "distribution", "version", "status", "provides", "error")


@click.group()
def plugins() -> None:
    """Look at the installed plugins, or begin one."""


@plugins.command("list")
@json_option
@click.pass_context
def list_plugins(ctx: click.Context, as_json: bool) -> None:
    """List plugins, their distributions and what they provide."""
    rows = [row(plugin) for plugin in registry_of(ctx).plugins]
    if as_json:
        show_json_objects(rows)
    else:
        show_table(HEADERS, [[cell(value) for value in columns.values()] for columns in rows])


@plugins.command("check")
@click.argument("name", required=False)
@click.pass_context
def check_plugins(ctx: click.Context, name: str | None) -> None:
    """Import what plugins provide and hold it against what the queue expects.

    Exit with 1 on any fault. A requirement that is not installed, and a disabled plugin, count
    as a fault only when the plugin is asked for by NAME.
    """
    registry = registry_of(ctx)
    chosen = [plugin for plugin in registry.plugins if name in (None, plugin.name)]
    if name is not None and not chosen:
        known = ", ".join(sorted({plugin.name for plugin in registry.plugins})) or "none"
        raise click.ClickException(f"There is no plugin {name!r}. Known: {known}.")
    faults = 0
    for plugin in chosen:
        for verdict, text in check_plugin(registry, plugin, strict=name is not None):
            faults += verdict == "fault"
            click.echo(f"{verdict:<8} {text}")
    if faults:
        ctx.exit(1)


@plugins.command("new")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What it offers.")
@click.option(
    "--directory",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the new folder goes.",
)
def new_plugin(name: str, kind: str, directory: Path) -> None:
    """Write a distribution that offers NAME, with tests that pass, into a new folder."""
    try:
        names = Names.read(name)
    except BadNameError as error:
        raise click.UsageError(f"{error}.") from error
    try:
        root = write_distribution(names, kind, directory)
    except FileExistsError as error:
        raise click.ClickException(
            f"{error.filename} is there already; choose another name or --directory."
        ) from error
    click.echo(f"Wrote {root}. Next: cd {root} && pip install -e . --group test && pytest")


def registry_of(ctx: click.Context) -> PluginRegistry:
    """The registry that the command was given, else that of the process."""
    return ctx.find_object(PluginRegistry) or installed_plugins()


def row(plugin: Plugin) -> dict[str, object]:
    """A plugin under the documented keys."""
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status,
        "provides": list(plugin.provides),
        "error": plugin.error,
    }


def cell(value: object) -> str:
    """A value for the table."""
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def check_plugin(
    registry: PluginRegistry, plugin: Plugin, *, strict: bool
) -> Iterator[tuple[str, str]]:
    """A verdict for the plugin as a whole where it has one, then for each thing it provides."""
    if plugin.error is not None:
        lenient = plugin.status == "disabled" and not strict
        yield ("disabled" if lenient else "fault"), f"{plugin}: {plugin.error}"
    for capability in registry.capabilities:
        if capability.plugin is plugin:
            yield check_capability(capability, strict=strict)


def check_capability(capability: Capability[Any, Any], *, strict: bool) -> tuple[str, str]:
    """The verdict on one capability, with the reason."""
    if capability.missing and not strict:
        hint = capability.spec.install or "no hint is given"
        return "missing", f"{capability}: needs {', '.join(capability.missing)} ({hint})"
    fault = find_fault(capability)
    return ("ok", str(capability)) if fault is None else ("fault", fault)
