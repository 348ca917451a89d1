"""Commands of plugins as click commands, whichever click they were built with."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from pgqueuer.plugins.errors import FactoryError
from pgqueuer.plugins.plugin import Capability, describe


def make_command(capability: Capability[Any, Callable[[], object]]) -> click.Command:
    """What the factory makes, as a click command; raises FactoryError."""
    factory = capability.load()
    try:
        command = as_click(factory(), capability.spec.name)
    except Exception as error:  # foreign code
        raise FactoryError(f"The {capability} can not be made: {describe(error)}") from error
    return _Named(command, f"Raised by the {capability}.")


def as_click(command: object, name: str) -> click.Command:
    """`command` itself, or what stands for one of typer; raises TypeError for anything else."""
    if isinstance(command, click.Command):
        return command
    if type(command).__module__.partition(".")[0] == "typer":
        if not hasattr(command, "main"):
            command = import_module("typer.main").get_command(command)
        if isinstance(command, click.Command):
            return command
        main = getattr(command, "main", None)
        if callable(main):
            return _Foreign(main, name)
    raise TypeError(f"{name!r} is {command!r}, which is neither a click nor a typer command")


class _Foreign(click.Command):
    """A command of the copy of click that typer brings along; it parses its own arguments."""

    def __init__(self, main: Callable[..., object], name: str) -> None:
        super().__init__(name, add_help_option=False)
        self._main = main

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave all of them to the command."""
        ctx.args = list(args)
        return ctx.args

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, which ends the process with its own exit code."""
        return self._main(args=ctx.args, prog_name=ctx.command_path)


class _Named(click.Command):
    """A command whose faults carry a note of where it came from."""

    def __init__(self, inner: click.Command, note: str) -> None:
        super().__init__(inner.name)
        self._inner = inner
        self._note = note

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """The context of the command itself, which shows its own help."""
        context = self._inner.make_context(*args, **extra)
        context.command = self
        return context

    def invoke(self, ctx: click.Context) -> object:
        """Run the command itself."""
        ctx.command = self._inner
        try:
            return self._inner.invoke(ctx)
        except Exception as error:
            error.add_note(self._note)
            raise
