"""What `pgq` does before it connects, and how it tells mistakes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.cli import environment, pgq
from tests.support.plugin_site import Site

SLOW_MODULES = {
    "asyncio",
    "asyncpg",
    "croniter",
    "importlib.metadata",
    "pluggy",
    "psycopg",
    "pydantic",
    "tabulate",
    "uvloop",
}

NO_SERVER = "postgresql://joe:hunter2@/nothing?host=/nonexistent"


@pytest.mark.parametrize("args", [["--help"], ["queue", "--badly"], ["sql"]])
def test_help_and_usage_errors_load_the_fewest_modules(args):
    code = (
        "import sys\n"
        "from pgqueuer.adapters.cli.cli import main\n"
        f"try: main({args!r})\n"
        "except SystemExit: pass\n"
        "sys.stdout.write('\\n' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(None, None),
        check=True,
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "click" in loaded
    slow = SLOW_MODULES if args == ["--help"] else {"asyncpg", "psycopg", "croniter", "tabulate"}
    assert not loaded & slow


def test_help_shows_every_command_and_where_plugins_are_found():
    outcome = pgq("--help")
    assert outcome.code == 0
    assert outcome.stdout.startswith("Usage: pgqueuer [OPTIONS] COMMAND")
    for name in ("install", "upgrade", "queue", "run", "plugins", "embedded", "sql"):
        assert f"\n  {name}" in outcome.stdout
    assert "pgq plugins list" in outcome.stdout
    assert outcome.stderr == ""


def test_a_call_without_arguments_shows_the_help_and_is_a_usage_error():
    outcome = pgq()
    assert outcome.code == 2
    assert "Usage: pgqueuer" in outcome.stderr


def test_version_is_that_of_the_package():
    from pgqueuer import __version__

    outcome = pgq("--version")
    assert (outcome.code, outcome.stdout) == (0, f"pgqueuer {__version__}\n")


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--pg-host", "h", "install"], "No such option"),
        (["--pg-port", "1", "install"], "No such option"),
        (["--pg-user", "u", "install"], "No such option"),
        (["--pg-database", "d", "install"], "No such option"),
        (["--pg-password", "p", "install"], "No such option"),
        (["--pg-schema", "s", "install"], "No such option"),
        (["nosuch"], "No such command 'nosuch'"),
        (["--prefix"], "requires an argument"),
        (["--prefix", "p"], "Missing command"),
        (["--log-level", "LOUD", "sql", "install"], "'LOUD' is not one of"),
        (["--embedded", "--pg-dsn", "x", "backlog"], "--embedded and --pg-dsn exclude each other"),
        (["queue"], "Missing argument 'ENTRYPOINT'"),
        (["queue", "x", "--on-conflict", "update_priority"], "is not one of 'raise', 'skip'"),
        (["install", "-d", "eternal"], "is not one of 'volatile', 'balanced', 'durable'"),
        (["durability", "eternal"], "is not one of 'volatile', 'balanced', 'durable'"),
        (["durability"], "Missing argument 'LEVEL'"),
        (["verify"], "Missing option '--expect'"),
        (["verify", "--expect", "maybe"], "is not one of 'present', 'absent'"),
        (["requeue"], "Missing argument 'IDS...'"),
        (["requeue", "one"], "'one' is not a valid integer range"),
        (["requeue", "0"], "0 is not in the range"),
        (["failed", "-n", "0"], "0 is not in the range 1<=x<=1000000"),
        (["stale", "-t", "long"], "'long' is not a number; allowed is from 0 up to"),
        (["dashboard", "-i", "0"], "'0' is out of range; allowed is more than 0 up to 86400"),
        (["run"], "Missing argument 'FACTORY'"),
        (["run", "no_colon"], "'no_colon' is not of the form 'package.module:attribute'"),
        (["run", "a:b", "--log-level", "LOUD"], "'LOUD' is not one of"),
        (["run", "a:b", "--mode", "sprint"], "is not one of 'continuous', 'drain'"),
        (["run", "a:b", "--batch-size", "0"], "0 is not in the range 1<=x<="),
        (["run", "a:b", "--max-concurrent-tasks", "-1"], "-1 is not in the range x>=0"),
        (["run", "a:b", "--dequeue-timeout", "-1"], "'-1' is out of range; allowed is from 0"),
        (["run", "a:b", "--dequeue-timeout", "nan"], "'nan' is out of range"),
        (["run", "a:b", "--dequeue-timeout", "inf"], "'inf' is out of range"),
        (["run", "a:b", "--heartbeat-timeout", "0"], "allowed is from 0.1 up to 604800 seconds"),
        (["run", "a:b", "--shutdown-timeout", "soon"], "'soon' is not a number"),
        (
            ["run", "a:b", "--restart-on-failure", "--restart-delay", "-1"],
            "'--restart-delay': -1 is out of range; allowed is from 0",
        ),
    ],
)
def test_a_usage_error_is_one_line_on_stderr_and_exit_2(args, part):
    outcome = pgq(*args)
    assert outcome.code == 2, outcome
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("Error: ")
    assert part in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert "See 'pgq" in outcome.stderr


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--prefix", "9x", "sql", "install"], "prefix: '9x' is not an identifier"),
        (["--schema", "a.b", "sql", "install"], "'a.b' is not an identifier"),
        (["--prefix", "p" * 60, "sql", "install"], "63 bytes"),
        (["--driver", "nosuch", "backlog"], "There is no driver 'nosuch'. Known: "),
        (["--driver", "memory", "backlog"], "but commands need Queries"),
        (["--factory", "cli_nowhere:make", "backlog"], "There is no module 'cli_nowhere'"),
        (["--factory", "no_colon", "backlog"], "'no_colon' is not of the form"),
        (["--factory", "json:dumps", "backlog"], "TypeError"),
        (["--factory", "json:nosuch", "backlog"], "There is no 'nosuch' in 'json'"),
        (["run", "cli_nowhere:make"], "There is no module 'cli_nowhere'"),
        (["run", "json:nosuch"], "There is no 'nosuch' in 'json'; check 'json:nosuch'"),
        (["run", "json:__name__"], "json:__name__ is of type str and can not be called"),
        (["run", "asyncio:Event"], "returned Event, not an AsyncContextManager; decorate it"),
        (["--pg-dsn", NO_SERVER, "backlog"], "Cannot connect: "),
        (["--pg-dsn", NO_SERVER, "--driver", "asyncpg", "backlog"], "Cannot connect: "),
        (["--pg-dsn", NO_SERVER, "--driver", "psycopg", "backlog"], "Cannot connect: "),
        (["--pg-dsn", "mysql://joe:hunter2@h/db", "backlog"], "Cannot connect: "),
        (["--pg-dsn", "joe:hunter2@h/db", "--driver", "psycopg", "backlog"], "Cannot connect: "),
        (["--pg-dsn", NO_SERVER, "install"], "Cannot connect: "),
    ],
)
def test_a_failure_is_one_line_on_stderr_and_exit_1(args, part, tmp_path):
    outcome = pgq(*args, cwd=tmp_path)
    assert outcome.code == 1, outcome
    assert outcome.stderr.startswith("Error: ")
    assert part in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert "hunter2" not in outcome.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["--log-level", "debug", "backlog"],
        ["--log-level", "DEBUG", "install"],
    ],
)
def test_debug_shows_the_traceback_without_passwords(args):
    outcome = pgq("--pg-dsn", "postgresql://joe:hunter2@h:port/db", *args)
    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.stderr
    assert outcome.stderr.splitlines()[-1].startswith("Error: Cannot connect")
    assert "hunter2" not in outcome.stderr


@pytest.mark.parametrize("args", [["run", "cli_broken:make", "--log-level", "DEBUG"]])
def test_debug_of_a_worker_shows_the_traceback(args, tmp_path):
    (tmp_path / "cli_broken.py").write_text("1 / 0\n")
    outcome = pgq(*args, cwd=tmp_path)
    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.stderr
    assert outcome.stderr.splitlines()[-1] == "Error: division by zero."


def test_a_factory_module_that_fails_is_told_with_the_kind_of_error(tmp_path):
    (tmp_path / "cli_broken.py").write_text("1 / 0\n")
    outcome = pgq("run", "cli_broken:make", cwd=tmp_path)
    assert outcome.code == 1
    assert outcome.stderr == (
        "Error: ZeroDivisionError: division by zero. Add --log-level DEBUG to see the traceback.\n"
    )


@pytest.mark.parametrize("variable", ["PGQUEUER_TABLEFMT", "TABLEFMT"])
def test_an_unknown_table_format_is_a_usage_error(variable, queue_dsn):
    outcome = pgq("schedules", dsn=queue_dsn, env={variable: "fancy"})
    assert outcome.code == 2
    assert f"{variable}='fancy' is no table format" in outcome.stderr


@pytest.fixture
def site(tmp_path) -> Site:
    """A folder of installed distributions with two that add commands."""
    site = Site(folder=tmp_path)
    site.plugin(
        "greeter",
        """
        import click
        from pgqueuer.plugins import CommandSpec, hookimpl

        @click.command()
        @click.option("--name", default="you")
        def greet(name):
            click.echo(f"Hello {name}")

        @hookimpl
        def pgqueuer_register_commands():
            yield CommandSpec(name="greet", factory=lambda: greet)
            yield CommandSpec(name="install", factory=lambda: greet)
        """,
    )
    site.plugin("broken", "raise RuntimeError('half done')")
    return site


def test_a_plugin_adds_a_command(site):
    outcome = pgq("greet", "--name", "Ada", env={"PYTHONPATH": str(site.folder)})
    assert (outcome.code, outcome.stdout) == (0, "Hello Ada\n")
    assert "half done" in outcome.stderr


def test_a_plugin_can_not_replace_a_built_in_command(site):
    outcome = pgq("install", "--help", env={"PYTHONPATH": str(site.folder)})
    assert "Create the tables" in outcome.stdout
    assert outcome.stderr == ""


def test_an_unknown_command_names_the_plugins_that_could_not_be_loaded(site):
    outcome = pgq("nosuch", env={"PYTHONPATH": str(site.folder)})
    assert outcome.code == 2
    assert "No such command 'nosuch'. Plugin broken (broken 1.0) can not be used" in outcome.stderr


def test_no_plugins_leaves_the_bundled_ones(site):
    environment = {"PYTHONPATH": str(site.folder)}
    outcome = pgq("--no-plugins", "plugins", "list", "--json", env=environment)
    statuses = {row["plugin"]: row["status"] for row in json.loads(outcome.stdout)}
    assert statuses["greeter"] == "disabled"
    assert statuses["asyncpg"] == "active"
    assert pgq("--no-plugins", "greet", env=environment).code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_each_shell(shell):
    outcome = pgq("completion", shell)
    assert outcome.code == 0
    assert f"_PGQ_COMPLETE={shell}_complete" in outcome.stdout
    assert "_pgq_completion" in outcome.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pgq", "requ"], "requeue"),
        (["pgq", "run", "--shutdown-t"], "--shutdown-timeout"),
        (["pgq", "sql", "dura"], "durability"),
        (["pgq", "completion", "f"], "fish"),
    ],
)
def test_bash_completes_commands_options_and_values(words, expected, tmp_path):
    (tmp_path / "pgq").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pgqueuer "$@"\n')
    (tmp_path / "pgq").chmod(0o755)
    script = (
        'eval "$(pgq completion bash)"\n'
        "complete -p pgq >/dev/null || exit 1\n"
        f"COMP_WORDS=({' '.join(words)}) COMP_CWORD={len(words) - 1}\n"
        "_pgq_completion pgq\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    extra = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env=environment(None, extra),
        check=True,
    )
    assert expected in done.stdout.split()


def test_completion_offers_what_the_help_shows():
    outcome = pgq(
        env={"_PGQ_COMPLETE": "zsh_complete", "COMP_WORDS": "pgq backlog --", "COMP_CWORD": "2"}
    )
    assert "--json" in outcome.stdout
    assert "--pg-dsn" not in outcome.stdout


def test_global_options_may_stand_after_the_command():
    before = pgq("--prefix", "p_", "--schema", "s", "sql", "install")
    after = pgq("sql", "install", "--prefix", "p_", "--schema", "s")
    assert before.code == after.code == 0
    assert before.stdout == after.stdout
    assert "prefix='p_'" in after.stdout


def test_an_option_after_the_command_beats_the_one_before_it():
    outcome = pgq("--prefix", "p_", "sql", "install", "--prefix", "q_")
    assert "prefix='q_'" in outcome.stdout


def test_the_connection_string_may_stand_after_the_command(queue_dsn):
    outcome = pgq("--pg-dsn", NO_SERVER, "backlog", "--json", "--pg-dsn", queue_dsn)
    assert (outcome.code, outcome.stdout) == (0, "[]\n")
    shown = pgq("backlog", "--pg-dsn", NO_SERVER, "--log-level", "debug")
    assert shown.code == 1
    assert "Traceback" in shown.stderr


def test_what_follows_the_dashes_of_run_is_the_factorys(tmp_path):
    outcome = pgq("run", "nosuch:make", "--", "--prefix", "no prefix!", cwd=tmp_path)
    assert "There is no module 'nosuch'" in outcome.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_reader_that_goes_away_is_no_error():
    script = f'"{sys.executable}" -m pgqueuer sql install | head -n 1 >/dev/null'
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env=environment(None, None),
        check=True,
    )
    assert done.stderr == ""
