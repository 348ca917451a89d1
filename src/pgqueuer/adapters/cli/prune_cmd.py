"""The command that deletes old history."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import click

from pgqueuer.adapters.cli.connection import with_queries
from pgqueuer.adapters.cli.options import TimedeltaType
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.retention import LARGEST_BATCH, LONGEST, retention_period, shown

PROGRESS_SECONDS = 2.0


class Period(TimedeltaType):
    """A length of time as the settings take it; 0 is the moment of the command."""

    name = "period"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """`value` as a timedelta; what is none, or out of range, is a usage error."""
        if isinstance(value, timedelta):
            return value
        if str(value).strip() == "0":
            return timedelta(0)
        try:
            period = retention_period(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if period is None:
            self.fail(
                f"{value!r} is no age; write one from 1 minute to {LONGEST.days} days, "
                "or 0 for everything",
                param,
                ctx,
            )
        return period


@click.command()
@click.option(
    "--older-than",
    type=Period(),
    help="Age of the log rows to delete, such as 30d; else what PGQUEUER_LOG_RETENTION says.",
)
@click.option(
    "--statistics-older-than",
    type=Period(),
    help="The same for statistics; else what PGQUEUER_STATISTICS_RETENTION says.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be deleted; delete nothing.")
@click.option(
    "--batch-size",
    type=click.IntRange(1, LARGEST_BATCH),
    default=LARGEST_BATCH,
    show_default=True,
    help="Rows that one short transaction looks at.",
)
@click.pass_context
def prune(
    ctx: click.Context,
    older_than: timedelta | None,
    statistics_older_than: timedelta | None,
    dry_run: bool,
    batch_size: int,
) -> None:
    """Delete history that is older than it has to be kept.

    Jobs are never deleted, and of a job in the queue the newest log row stays.
    """

    async def work(queries: Queries) -> None:
        settings = queries.settings
        for what, period, call in (
            ("log", _unless_given(older_than, settings.log_retention), queries.prune_log),
            (
                "statistics",
                _unless_given(statistics_older_than, settings.statistics_retention),
                queries.prune_statistics,
            ),
        ):
            if period is None:
                click.echo(f"All {what} rows are kept, as the settings say.")
                continue
            deleted = await call(
                period, batch_size=batch_size, dry_run=dry_run, on_progress=_progress(what)
            )
            verb = "Would delete" if dry_run else "Deleted"
            click.echo(f"{verb} {deleted} {what} row(s) older than {shown(period)}.")

    with_queries(ctx, work)


def _unless_given(given: timedelta | None, otherwise: timedelta | None) -> timedelta | None:
    return otherwise if given is None else given


def _progress(what: str) -> Callable[[int], None]:
    """Tells the total on stderr now and then, when it takes long."""
    told = time.monotonic()

    def tell(total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            click.echo(f"{total} {what} row(s) so far", err=True)

    return tell
