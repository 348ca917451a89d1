"""`pgq sql`: the SQL of the schema commands on stdout, without a connection."""

from __future__ import annotations

import click

from pgqueuer.adapters.cli.grants_cmd import sql_grants
from pgqueuer.adapters.cli.schema_options import (
    create_schema_option,
    durability_option,
    level_argument,
    rollback_option,
    settings_with,
    widen_id_option,
)
from pgqueuer.adapters.persistence.schema_ddl import (
    provenance,
    render_autovac,
    render_durability,
    render_install,
    render_uninstall,
    render_upgrade,
    script,
)
from pgqueuer.adapters.persistence.schema_plan import Plan
from pgqueuer.domain.settings import DBSettings, Durability

__all__ = ["render_autovac", "render_durability", "render_plan", "render_upgrade", "sql_app"]


@click.group("sql")
def sql_app() -> None:
    """Print the SQL of a schema command, for migrations of your own. Connects to nothing."""


sql_app.add_command(sql_grants)


@sql_app.command("install")
@durability_option()
@create_schema_option
def sql_install(durability: str | None, create_schema: bool) -> None:
    """Create everything; fails where any of it is there already."""
    settings = settings_with(durability=durability)
    click.echo(render_install(settings, create_schema=create_schema))


@sql_app.command("uninstall")
def sql_uninstall() -> None:
    """Drop everything, jobs and history too."""
    click.echo(render_uninstall(settings_with()))


@sql_app.command("upgrade")
@durability_option("What a crash may cost, for tables that have to be created.")
@widen_id_option
def sql_upgrade(durability: str | None, widen_id: bool) -> None:
    """Bring any older schema up to date; may be run again. Needs autocommit."""
    click.echo(render_upgrade(settings_with(durability=durability, widen_id=widen_id)))


@sql_app.command("durability")
@level_argument
def sql_durability(level: str) -> None:
    """Set what a crash may cost: everything (volatile), history (balanced), nothing (durable)."""
    click.echo(render_durability(settings_with(), Durability(level)))


@sql_app.command("autovac")
@rollback_option
def sql_autovac(rollback: bool) -> None:
    """Tune autovacuum for a queue."""
    click.echo(render_autovac(settings_with(), rollback))


def render_plan(settings: DBSettings, plan: Plan) -> str:
    """The statements of `plan` with a header that says whose they are; empty without any."""
    if not plan.statements:
        return ""
    header = (
        f"{provenance(settings)}\n"
        "-- What this one database lacks; do not apply it to another. Run it in autocommit.\n"
    )
    return header + script(plan.statements)
