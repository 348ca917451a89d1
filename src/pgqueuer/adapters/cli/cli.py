"""`pgq`: the global options, and commands that are imported when they are called."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from pgqueuer.adapters.cli.commands import BUILT_IN
from pgqueuer.adapters.cli.failures import one_line_errors
from pgqueuer.adapters.cli.options import (
    LOG_LEVELS,
    AppConfig,
    OnConflictChoice,
    VerifyMode,
    export,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["AppConfig", "OnConflictChoice", "VerifyMode", "app", "asyncio_run", "main"]

T = TypeVar("T")
COMPLETE = "_PGQ_COMPLETE"
OFFLINE = frozenset({"completion", "embedded", "plugins", "sql"})
"""Commands that connect to nothing, so that no server is started for them."""


class App(click.Group):
    """The root command. Its help imports no command and looks for no plugin."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the global options; what is wrong with them is told in one line."""
        with one_line_errors():
            return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A call without arguments shows the help and is a usage error."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong is told in one line."""
        with one_line_errors(ctx):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The built-in commands, in the order of the help."""
        return list(BUILT_IN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A built-in command, else one that a plugin adds; plugins can not replace ours."""
        if cmd_name in BUILT_IN:
            return BUILT_IN[cmd_name].load()
        if ctx.resilient_parsing:
            return None
        from pgqueuer.adapters.cli.plugin_commands import plugin_command  # noqa: PLC0415

        return plugin_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The built-in commands with their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in BUILT_IN.items()])


@click.command(
    cls=App,
    name="pgqueuer",
    epilog="Plugins add commands: 'pgq plugins list' shows them.",
)
@click.option("--prefix", envvar="PGQUEUER_PREFIX", show_envvar=True, help="Prefix of all names.")
@click.option(
    "--schema", envvar="PGQUEUER_SCHEMA", show_envvar=True, help="Schema of the queue's tables."
)
@click.option("--pg-dsn", envvar="PGDSN", show_envvar=True, help="Connection string.")
@click.option("--factory", metavar="MODULE:NAME", help="Async context manager of a Queries.")
@click.option("--driver", envvar="PGQUEUER_DRIVER", show_envvar=True, help="Driver, by name.")
@click.option(
    "--embedded",
    is_flag=True,
    envvar="PGQUEUER_EMBEDDED",
    show_envvar=True,
    help="Use a PostgreSQL that is started for you.",
)
@click.option(
    "--no-plugins",
    is_flag=True,
    expose_value=False,
    callback=lambda _ctx, _param, given: os.environ.update(PGQUEUER_PLUGINS="") if given else None,
    help="Use bundled plugins only.",
)
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS, case_sensitive=False),
    metavar="LEVEL",
    envvar="PGQUEUER_LOG_LEVEL",
    show_envvar=True,
    help="DEBUG to CRITICAL, for `run`; DEBUG shows the tracebacks of failures.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _param, given: _show_version(ctx) if given else None,
    help="Show the version and exit.",
)
@click.pass_context
def app(ctx: click.Context, /, *, embedded: bool, **given: str | None) -> None:
    """A job queue on PostgreSQL."""
    ctx.obj = config = AppConfig(**given)
    _export(ctx, config)
    if embedded and _wants_embedded(ctx):
        from pgqueuer.adapters.embedded import join_for_process  # noqa: PLC0415

        join_for_process()


def _show_version(ctx: click.Context) -> None:
    from pgqueuer import __version__  # noqa: PLC0415 - metadata is slow to read

    click.echo(f"pgqueuer {__version__}")
    ctx.exit()


def _export(ctx: click.Context, config: AppConfig) -> None:
    """Hand the options on through the environment, where factories and drivers look."""
    for name in ("prefix", "schema", "driver"):
        export(name, getattr(config, name))
    if _is_typed(ctx, "pg_dsn"):
        export("pg_dsn", config.pg_dsn)


def _wants_embedded(ctx: click.Context) -> bool:
    if _is_typed(ctx, "pg_dsn"):
        if _is_typed(ctx, "embedded"):
            raise click.UsageError("--embedded and --pg-dsn exclude each other; give one", ctx)
        return False
    return ctx.invoked_subcommand not in OFFLINE


def _is_typed(ctx: click.Context, name: str) -> bool:
    """Whether an option is on the command line, not just in the environment."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def asyncio_run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop where it is installed; on Windows on the selector loop."""
    import asyncio  # noqa: PLC0415 - half of the time of `pgq --help`

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(coroutine)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        from asyncio import SelectorEventLoop  # noqa: PLC0415

        return SelectorEventLoop
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    return uvloop.new_event_loop


def main(args: Sequence[str] | None = None) -> None:
    """The console script. Ends the process: 0 done, 1 failure, 2 usage, 130 interrupted."""
    program = "pgq" if COMPLETE in os.environ else "pgqueuer"
    app.main(args, prog_name=program, complete_var=COMPLETE)
