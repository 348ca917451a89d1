"""The environment variables, commands and options of 1.6, as the table states them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import click
import pytest

from pgqueuer.adapters.cli.cli import app
from tests.support.interface import marked, resolve, table

ENVIRONMENT = table("environment")
COMMANDS = table("commands")
FLAG_OFF = (None, False, (), "")


def fields() -> Iterator[Any]:
    """Every variable that fills a field."""
    for path, variables in ENVIRONMENT.items():
        for name, row in variables.items():
            if "field" in row:
                yield pytest.param(path, name, row, id=name)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in ENVIRONMENT.values():
        for name, row in variables.items():
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(row.get("legacy", name), raising=False)


@pytest.mark.parametrize(("path", "name", "row"), list(fields()))
def test_a_variable_fills_its_field_and_beats_the_older_name(
    path: str, name: str, row: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, field = resolve(path), row["field"]
    default = shown(getattr(settings(), field))
    if older := row.get("legacy"):
        monkeypatch.setenv(older, row["value"])
        assert shown(getattr(settings(), field)) == row["value"] != default
        monkeypatch.setenv(older, "" if default == "None" else default)
    monkeypatch.setenv(name, row["value"])
    assert shown(getattr(settings(), field)) == row["value"] != default


def shown(filled: object) -> str:
    return str(filled.value if isinstance(filled, Enum) else filled)


@pytest.mark.parametrize(
    ("name", "row"),
    [(name, row) for name, row in ENVIRONMENT["command line"].items() if "option" in row],
)
def test_a_variable_stands_for_its_option(name: str, row: Mapping[str, str]) -> None:
    option = parameters(app)[row["option"]]
    assert option.envvar == name


@pytest.mark.parametrize(("path", "row"), [marked(*item) for item in COMMANDS.items()])
def test_a_command_has_its_arguments_and_options(path: str, row: Mapping[str, Any]) -> None:
    found = command(path)
    arguments = [argument(one) for one in found.params if isinstance(one, click.Argument)]
    assert arguments == row.get("arguments", [])
    options = parameters(found)
    for spellings, stated in row.get("options", {}).items():
        expected = row.get("changed", {}).get(spellings, stated)
        first = options[spellings.split()[0]]
        assert set(spellings.split()) <= {*first.opts, *first.secondary_opts}
        assert default(found, first) == expected, spellings
    assert set(row.get("gone", ())) & set(options) == set()


def command(path: str) -> click.Command:
    found: click.Command = app
    for word in path.split()[1:]:
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None, word
        found = inner
    return found


def parameters(found: click.Command) -> dict[str, click.Option]:
    return {
        spelling: option
        for option in found.params
        if isinstance(option, click.Option)
        for spelling in (*option.opts, *option.secondary_opts)
    }


def argument(found: click.Argument) -> str:
    return (
        (found.name or "") + ("..." if found.nargs == -1 else "") + ("" if found.required else "?")
    )


def default(found: click.Command, option: click.Option) -> object:
    if option.hidden:
        return "hidden"
    if option.required:
        return "required"
    if option.multiple:
        return "many"
    plain = option.get_default(click.Context(found))
    if plain in FLAG_OFF or "UNSET" in repr(plain):
        return ""
    return int(plain) if isinstance(plain, str) and plain.isdigit() else plain
