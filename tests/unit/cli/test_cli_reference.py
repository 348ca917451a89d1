from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pgqueuer.adapters.cli.cli import app
from pgqueuer.adapters.cli.commands import BUILT_IN

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def headings() -> dict[str, set[str]]:
    """The options that have a heading, by the heading of their command."""
    found: dict[str, set[str]] = {}
    command = ""
    for line in REFERENCE.read_text().splitlines():
        if line.startswith("## "):
            command = line.removeprefix("## ").strip("`")
            found[command] = set()
        elif line.startswith("### "):
            found[command] |= set(re.findall(r"`(--?[\w-]+)`", line))
    return found


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def options(command: click.Command) -> set[str]:
    return {
        spelling
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    }


def test_every_command_and_option_has_a_heading_and_nothing_else_does():
    documented = headings()
    expected = {path: options(command) for path, command in commands(app, "pgq")}
    expected["Global options"] = options(app) | {"--help"}
    assert {name: found for name, found in documented.items() if name in expected} == expected
    unknown = {name for name in documented if name.startswith("pgq ")} - set(expected)
    assert not unknown


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_command_can_be_imported_and_has_help(name):
    command = BUILT_IN[name].load()
    assert command.name == name
    assert command.help
