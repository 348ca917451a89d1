"""Commands on entrypoints: entrypoints, pause, resume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import click

from pgqueuer.adapters.cli.connection import with_queries
from pgqueuer.adapters.cli.failures import UserError
from pgqueuer.adapters.cli.tables import json_option, show_models
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.models import EntrypointStat

names_argument = click.argument("names", nargs=-1, required=True, metavar="NAME...")


@click.command()
@json_option
@click.pass_context
def entrypoints(ctx: click.Context, as_json: bool) -> None:
    """Show the entrypoints that have jobs, had any in the last hour, or are paused."""
    rows = with_queries(ctx, lambda queries: InsightsService(queries).entrypoint_stats())
    show_models(
        rows,
        ["Entrypoint", "Queued", "Picked", "Oldest age (s)", "Paused since", "Reason"],
        _cells,
        as_json=as_json,
        empty="No entrypoints.",
    )


def _cells(row: EntrypointStat) -> list[object]:
    age = row.oldest_age_seconds
    return [
        row.entrypoint,
        row.queued,
        row.picked,
        None if age is None else f"{age:.1f}",
        row.paused and row.paused.since,
        row.paused and row.paused.reason,
    ]


@click.command()
@names_argument
@click.option("--reason", help="Why, for whoever wonders.")
@click.pass_context
def pause(ctx: click.Context, names: tuple[str, ...], reason: str | None) -> None:
    """Let no worker claim jobs of the entrypoints NAME until they are resumed.

    Jobs that run go on to their end; those that wait keep their place. To pause what is paused
    only replaces its reason.
    """
    done = _change(ctx, lambda queries: queries.pause_entrypoints(names, reason=reason))
    click.echo(f"Paused {done} entrypoint(s).")


@click.command()
@names_argument
@click.pass_context
def resume(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Hand out jobs of the entrypoints NAME again, at once.

    Names that are not paused are left alone, and then the command exits with 1.
    """
    done = _change(ctx, lambda queries: queries.resume_entrypoints(names))
    click.echo(f"Resumed {done} entrypoint(s).")
    wanted = len(set(names))
    if done < wanted:
        raise UserError(
            f"{wanted - done} of {wanted} name(s) are not paused; 'pgq entrypoints' lists those "
            "that are"
        )


def _change(ctx: click.Context, change: Callable[[Queries], Awaitable[int]]) -> int:
    async def checked(queries: Queries) -> int:
        try:
            return await change(queries)
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error

    return with_queries(ctx, checked)
