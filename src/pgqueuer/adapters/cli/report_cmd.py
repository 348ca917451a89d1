"""Commands that look at the queue: dashboard, backlog, workers, stale, schedules."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from importlib.util import find_spec

import click

from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.adapters.cli.connection import open_queries, with_queries
from pgqueuer.adapters.cli.failures import UserError
from pgqueuer.adapters.cli.options import LARGEST_ID, AppConfig, Seconds
from pgqueuer.adapters.cli.tables import json_option, limit_option, show_models
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import LogStatistics, Schedule
from pgqueuer.domain.types import CronEntrypoint, ScheduleId

DAY = 86_400


@click.command()
@click.option(
    "-i",
    "--interval",
    type=Seconds(minimum=0, without_minimum=True, maximum=DAY),
    help="Refresh every so many seconds, until interrupted.",
)
@limit_option(25, "rows")
@json_option
@click.option("--plain", is_flag=True, help="Print the table, also where the live view would run.")
@click.pass_context
def dashboard(
    ctx: click.Context, interval: timedelta | None, limit: int, as_json: bool, plain: bool
) -> None:
    """Show the queue live in a terminal, else what happened to jobs lately, newest first."""
    asked = interval is not None or as_json or plain or _is_given(ctx, "limit")
    if not asked and _can_be_live():
        _show_live(AppConfig.of(ctx))
        return

    async def watch(queries: Queries) -> None:
        while True:
            rows = await queries.log_statistics(limit)
            if not as_json:
                click.clear()
            _show_statistics(rows, as_json)
            if interval is None:
                return
            await asyncio.sleep(interval.total_seconds())

    with_queries(ctx, watch)


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _can_be_live() -> bool:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return terminal and find_spec("textual") is not None


def _show_live(config: AppConfig) -> None:
    from pgqueuer.adapters.terminal.app import Dashboard  # noqa: PLC0415 - an extra, and slow

    app = Dashboard(lambda: open_queries(config))
    asyncio_run(app.run_async())
    if app.return_code:
        raise click.exceptions.Exit(app.return_code)


def _show_statistics(rows: Sequence[LogStatistics], as_json: bool) -> None:
    show_models(
        rows,
        ["Created", "Count", "Entrypoint", "Status", "Priority"],
        lambda row: [row.created, row.count, row.entrypoint, row.status, row.priority],
        as_json=as_json,
    )


@click.command()
@json_option
@click.pass_context
def backlog(ctx: click.Context, as_json: bool) -> None:
    """Show how many jobs are queued by entrypoint and since when; deferred ones count too."""
    rows = with_queries(ctx, lambda queries: queries.queue_age())
    show_models(
        rows,
        ["Entrypoint", "Queued", "Oldest created", "Oldest age (s)", "Average age (s)"],
        lambda row: [
            row.entrypoint,
            row.queued_count,
            row.oldest_created,
            f"{row.oldest_age_seconds:.1f}",
            f"{row.avg_age_seconds:.1f}",
        ],
        as_json=as_json,
        empty="No queued jobs.",
    )


@click.command()
@json_option
@click.pass_context
def workers(ctx: click.Context, as_json: bool) -> None:
    """Show the workers that hold picked jobs."""
    rows = with_queries(ctx, lambda queries: queries.active_workers())
    show_models(
        rows,
        ["Queue manager", "Picked jobs", "Oldest heartbeat", "Newest heartbeat", "Entrypoints"],
        lambda row: [
            row.queue_manager_id,
            row.active_jobs,
            row.oldest_heartbeat,
            row.newest_heartbeat,
            ", ".join(row.entrypoints),
        ],
        as_json=as_json,
        empty="No workers are holding picked jobs.",
    )


@click.command()
@click.option(
    "-t",
    "--threshold",
    type=Seconds(maximum=365 * DAY),
    default="300",
    show_default=True,
    help="Without a heartbeat for so many seconds; 0 shows every picked job.",
)
@limit_option(25, "jobs")
@json_option
@click.pass_context
def stale(ctx: click.Context, threshold: timedelta, limit: int, as_json: bool) -> None:
    """Show picked jobs whose worker has been silent, the longest first."""
    rows = with_queries(ctx, lambda queries: queries.stale_jobs(threshold, limit))
    show_models(
        rows,
        ["ID", "Entrypoint", "Queue manager", "Heartbeat", "Seconds since heartbeat"],
        lambda row: [
            row.id,
            row.entrypoint,
            row.queue_manager_id,
            row.heartbeat,
            f"{row.seconds_since_heartbeat:.1f}",
        ],
        as_json=as_json,
        empty="No stale jobs.",
    )


CHOSEN = "ID|ENTRYPOINT"


@click.command()
@click.option(
    "-r",
    "--remove",
    multiple=True,
    metavar=CHOSEN,
    help="Remove a schedule by its id, or all of an entrypoint; repeatable.",
)
@click.option(
    "--pause",
    multiple=True,
    metavar=CHOSEN,
    help="Start no tick of it anywhere until it is resumed; repeatable.",
)
@click.option("--resume", multiple=True, metavar=CHOSEN, help="Go on with it; repeatable.")
@json_option
@click.pass_context
def schedules(
    ctx: click.Context,
    remove: tuple[str, ...],
    pause: tuple[str, ...],
    resume: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the schedules, after removing, pausing and resuming those that were asked for."""

    async def change_and_list(queries: Queries) -> tuple[list[str], list[Schedule]]:
        before = await queries.peek_schedule()
        await queries.delete_schedule(*_chosen(remove))
        await queries.pause_schedule(*_chosen(pause))
        await queries.resume_schedule(*_chosen(resume))
        known = {str(row.id) for row in before} | {row.entrypoint for row in before}
        asked = (*remove, *pause, *resume)
        return [name for name in asked if name not in known], await queries.peek_schedule()

    unknown, rows = with_queries(ctx, change_and_list)
    _show_schedules(rows, as_json)
    if unknown:
        raise UserError(f"There is no schedule {', '.join(map(repr, unknown))}; check the table")


def _chosen(names: Iterable[str]) -> tuple[set[ScheduleId], set[CronEntrypoint]]:
    numbers = {int(name) for name in names if name.isdecimal()}
    return (
        {ScheduleId(number) for number in numbers if number <= LARGEST_ID},
        {CronEntrypoint(name) for name in names if not name.isdecimal()},
    )


def _show_schedules(rows: Sequence[Schedule], as_json: bool) -> None:
    show_models(
        rows,
        [
            "ID",
            "Expression",
            "Heartbeat",
            "Created",
            "Updated",
            "Next run",
            "Last run",
            "Status",
            "Entrypoint",
        ],
        lambda row: [
            row.id,
            row.expression,
            row.heartbeat,
            row.created,
            row.updated,
            row.next_run,
            row.last_run,
            _status(row),
            row.entrypoint,
        ],
        as_json=as_json,
    )


def _status(row: Schedule) -> str:
    if not row.paused:
        return row.status
    return "paused" if row.status == "queued" else f"{row.status}, paused"
