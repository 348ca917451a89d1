"""A test suite for commands: does `pgq NAME` take the thing?

    from pgqueuer.testing.command import CommandConformance

    class TestMyCommand(CommandConformance):
        @pytest.fixture
        def command_factory(self):
            return make_command

`command_factory` is the factory of the CommandSpec; it makes a click or typer command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import click
import pytest
from click.testing import CliRunner, Result

from pgqueuer.plugins.commands import as_click

__all__ = ["CommandConformance", "CommandFactory"]

CommandFactory: TypeAlias = Callable[[], object]


class CommandConformance:
    """Inherit from it and override `command_factory`."""

    @pytest.fixture
    def command_factory(self) -> CommandFactory:
        """Makes the command."""
        raise NotImplementedError("Override the fixture `command_factory`; return a callable.")

    def test_it_is_a_command(self, command_factory: CommandFactory) -> None:
        assert isinstance(as_click(command_factory(), "name"), click.Command)

    def test_it_has_help_that_needs_no_database(self, command_factory: CommandFactory) -> None:
        result = invoke(command_factory, "--help")

        assert result.exit_code == 0, result.output
        assert as_click(command_factory(), "name").help, "write a docstring"

    def test_wrong_usage_exits_with_2(self, command_factory: CommandFactory) -> None:
        assert invoke(command_factory, "--there-is-no-such-option").exit_code == 2


def invoke(factory: CommandFactory, *arguments: str) -> Result:
    """Run the command as `pgq` does, without one."""
    return CliRunner().invoke(as_click(factory(), "name"), arguments)
