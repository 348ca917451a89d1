"""Commands that change or check what is installed."""

from __future__ import annotations

import click

from pgqueuer.adapters.cli.connection import with_queries
from pgqueuer.adapters.cli.options import VerifyMode
from pgqueuer.adapters.cli.schema_options import (
    create_schema_option,
    dry_run_option,
    durability_option,
    level_argument,
    rollback_option,
    settings_with,
    widen_id_option,
)
from pgqueuer.adapters.cli.sql_cmd import render_plan
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.adapters.persistence.schema_ddl import (
    render_autovac,
    render_durability,
    render_install,
    render_uninstall,
    render_upgrade,
)
from pgqueuer.adapters.persistence.schema_plan import Plan
from pgqueuer.adapters.persistence.sqlstate import code_of
from pgqueuer.domain.errors import SchemaDriftError
from pgqueuer.domain.settings import DBSettings, Durability

ALREADY_THERE = frozenset({"42710", "42P07", "23505"})
"""duplicate_object, duplicate_table, and the race of two in the catalog itself."""


@click.command()
@durability_option()
@create_schema_option
@dry_run_option
@click.pass_context
def install(ctx: click.Context, durability: str | None, create_schema: bool, dry_run: bool) -> None:
    """Create the tables, the functions and the trigger of the queue."""
    if dry_run:
        settings = settings_with(durability=durability)
        show_script("install", render_install(settings, create_schema=create_schema))
        return

    async def install_unless_there(queries: Queries) -> tuple[bool, DBSettings]:
        settings = adopt(queries, durability=durability)
        done = not await queries.schema_is_installed() and await _install(queries, create_schema)
        return done, settings

    done, settings = with_queries(ctx, install_unless_there)
    if not done:
        place = settings.db_schema or "the connection's search_path"
        say(
            f"PgQueuer is already installed (prefix={settings.prefix!r}, schema={place}). "
            "Run 'pgq upgrade' to bring it up to date."
        )
        ctx.exit(1)
    say(f"Installed PgQueuer schema (durability={settings.durability.value}).")


async def _install(queries: Queries, create_schema: bool) -> bool:
    """Whether it was us; another installer may be faster after we looked."""
    try:
        await queries.install(create_schema)
    except Exception as error:
        if code_of(error) in ALREADY_THERE and await queries.schema_is_installed():
            return False
        raise
    return True


@click.command()
@click.option("--plan", is_flag=True, help="Print what would be done, and do nothing.")
@widen_id_option
@durability_option(hidden=True)
@dry_run_option
@click.pass_context
def upgrade(
    ctx: click.Context, plan: bool, widen_id: bool, durability: str | None, dry_run: bool
) -> None:
    """Bring the schema up to date; an empty database gets all of it.

    Durability is never changed: see 'pgq durability'.
    """
    if durability is not None:
        say("warning: upgrade ignores --durability; use 'pgq durability'.")
    if dry_run:
        show_script("upgrade", render_upgrade(settings_with(widen_id=widen_id)))
        return

    async def work(queries: Queries) -> tuple[Plan, DBSettings]:
        settings = adopt(queries, widen_id=widen_id)
        return await (queries.plan_upgrade() if plan else queries.apply_upgrade()), settings

    try:
        done, settings = with_queries(ctx, work)
    except SchemaDriftError as error:
        say(f"error: {error}")
        ctx.exit(1)
    for note in done.notes:
        say(f"note: {note}")
    if plan and done.statements:
        click.echo(render_plan(settings, done))
    say(_upgrade_summary(len(done.statements), "Would apply" if plan else "Applied"))


def _upgrade_summary(count: int, verb: str) -> str:
    if not count:
        return "PgQueuer schema is already up to date."
    return f"{verb} {count} statement{'' if count == 1 else 's'}."


@click.command()
@dry_run_option
@click.pass_context
def uninstall(ctx: click.Context, dry_run: bool) -> None:
    """Drop everything, jobs and history too; nothing there is fine."""
    if dry_run:
        show_script("uninstall", render_uninstall(settings_with()))
        return
    with_queries(ctx, lambda queries: queries.uninstall())
    say("Uninstalled PgQueuer schema.")


@click.command()
@click.option(
    "--expect",
    type=click.Choice([mode.value for mode in VerifyMode]),
    required=True,
    help="Whether the schema should be there, complete, or gone.",
)
@click.pass_context
def verify(ctx: click.Context, expect: str) -> None:
    """Print what differs from a complete installation, or what is left of one."""
    present = VerifyMode(expect) is VerifyMode.present
    found = with_queries(ctx, lambda queries: queries.verify("present" if present else "absent"))
    for divergence in found:
        click.echo(str(divergence))
    if found:
        ctx.exit(1)
    click.echo(f"PgQueuer schema is {'complete' if present else 'absent'}.")


@click.command()
@level_argument
@dry_run_option
@click.pass_context
def durability(ctx: click.Context, level: str, dry_run: bool) -> None:
    """Choose what a crash may cost: everything (volatile), history (balanced), nothing (durable).

    Rewrites the tables whose persistence changes.
    """
    if dry_run:
        show_script("durability", render_durability(settings_with(), Durability(level)))
        return

    async def alter(queries: Queries) -> None:
        adopt(queries, durability=level)
        await queries.alter_durability()

    with_queries(ctx, alter)
    say(f"Set PgQueuer durability to {level}.")


@click.command()
@rollback_option
@dry_run_option
@click.pass_context
def autovac(ctx: click.Context, rollback: bool, dry_run: bool) -> None:
    """Suit autovacuum to tables whose rows come and go."""
    if dry_run:
        show_script("autovac", render_autovac(settings_with(), rollback))
    elif rollback:
        with_queries(ctx, lambda queries: queries.optimize_autovacuum_rollback())
        say("Reset autovacuum settings to the defaults of the server.")
    else:
        with_queries(ctx, lambda queries: queries.optimize_autovacuum())
        say("Applied recommended autovacuum settings.")


def adopt(
    queries: Queries, *, durability: str | None = None, widen_id: bool | None = None
) -> DBSettings:
    """Give `queries` the settings of the command line, and return them."""
    settings = settings_with(queries.settings, durability=durability, widen_id=widen_id)
    for builder in (queries.qbe, queries.qbq, queries.qbs):
        builder.settings = settings
    return settings


def show_script(command: str, text: str) -> None:
    """What --dry-run prints."""
    say(f"warning: --dry-run is deprecated; use 'pgq sql {command}'.")
    click.echo(text)


def say(text: str) -> None:
    """A message for people, on stderr."""
    click.echo(text, err=True)
