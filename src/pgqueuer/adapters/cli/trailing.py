"""Global options that stand after the command, as in `pgq backlog --pg-dsn …`."""

from __future__ import annotations

from dataclasses import replace

import click

from pgqueuer.adapters.cli.options import LOG_LEVELS, AppConfig, export

TRAILING = ("prefix", "schema", "pg_dsn", "factory", "driver", "log_level")
"""Those that are read when the command runs, and not before."""


def accept_global_options(command: click.Command) -> click.Command:
    """`command` itself, which takes the global options too, hidden, where it has no such option.

    So do the commands of a group. Calling it again changes nothing.
    """
    taken = {spelling for parameter in command.params for spelling in parameter.opts}
    for name in TRAILING:
        spelling = "--" + name.replace("_", "-")
        if spelling not in taken:
            command.params.append(_option(name, spelling))
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            accept_global_options(inner)
    return command


def _option(name: str, spelling: str) -> click.Option:
    return click.Option(
        [spelling, f"trailing_{name}"],
        type=click.Choice(LOG_LEVELS, case_sensitive=False) if name == "log_level" else str,
        hidden=True,
        expose_value=False,
        callback=lambda ctx, _parameter, value: _override(ctx, name, value),
    )


def _override(ctx: click.Context, name: str, value: str | None) -> None:
    """What stands after the command beats what stands before it."""
    if value is None or ctx.resilient_parsing:
        return
    root = ctx.find_root()
    if name == "pg_dsn" and root.params.get("embedded"):
        raise click.UsageError("--embedded and --pg-dsn exclude each other; give one", ctx)
    root.obj = replace(AppConfig.of(ctx), **{name: value})
    export(name, value)
