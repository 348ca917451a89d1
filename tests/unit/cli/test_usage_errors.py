"""Every command tells a slip of the keys in the same way."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pgqueuer.adapters.cli.cli import app
from pgqueuer.adapters.cli.commands import BUILT_IN


@pytest.mark.parametrize("command", BUILT_IN)
def test_an_unknown_option_is_told_in_one_line(command):
    outcome = CliRunner().invoke(app, [command, "--no-such-option"], prog_name="pgqueuer")
    assert outcome.exit_code == 2
    assert outcome.output.startswith("Error: No such option")
    assert outcome.output.endswith(f"See 'pgq {command} --help'.\n")
    assert outcome.output.count("\n") == 1


@pytest.mark.parametrize("command", BUILT_IN)
def test_the_usage_names_the_program(command):
    outcome = CliRunner().invoke(app, [command, "--help"], prog_name="pgqueuer")
    assert outcome.exit_code == 0
    assert outcome.output.startswith(f"Usage: pgqueuer {command} ")
