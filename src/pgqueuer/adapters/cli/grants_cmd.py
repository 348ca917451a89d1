"""`pgq sql grants`: roles for producers, workers and readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pgqueuer.adapters.cli.schema_options import settings_with
from pgqueuer.adapters.persistence.grants import Roles, grant_statements, render_grants

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.queries import Queries

Command = TypeVar("Command", bound=Callable[..., Any])


def role_option(part: str, purpose: str) -> Callable[[Command], Command]:
    """An option that names a role."""
    return click.option(f"--{part}", metavar="ROLE", help=f"The role that {purpose}.")


@click.command("grants")
@role_option("producer", "enqueues, and reads no payload")
@role_option("worker", "runs jobs and schedules")
@role_option("reader", "looks at everything and changes nothing")
@click.option("--apply", "applied", is_flag=True, help="Connect and run it instead of printing it.")
@click.pass_context
def sql_grants(
    ctx: click.Context,
    producer: str | None,
    worker: str | None,
    reader: str | None,
    applied: bool,
) -> None:
    """Create roles where they are missing, and give each no more than it needs.

    Without a name all three are made: pgqueuer_producer, pgqueuer_worker and pgqueuer_reader, with
    the prefix in front. May be run again, and has to be after an upgrade.
    """
    try:
        roles = Roles(producer=producer, worker=worker, reader=reader)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx) from error
    if not list(roles.named()):
        roles = Roles.usual(settings_with())
    if not applied:
        click.echo(render_grants(settings_with(), roles))
        return
    _apply(ctx, roles)
    for part, name in roles.named():
        click.echo(f"The role {name} has what a {part} needs.", err=True)


def _apply(ctx: click.Context, roles: Roles) -> None:
    from pgqueuer.adapters.cli.connection import with_queries  # noqa: PLC0415

    async def grant(queries: Queries) -> None:
        for statement in grant_statements(queries.settings, roles):
            await queries.driver.execute(statement)

    with_queries(ctx, grant)
