"""Commands on jobs: queue, listen, failed, requeue."""

from __future__ import annotations

import asyncio
import os

import click

from pgqueuer.adapters.cli.connection import with_queries
from pgqueuer.adapters.cli.failures import UserError
from pgqueuer.adapters.cli.options import LARGEST_ID, OnConflictChoice
from pgqueuer.adapters.cli.tables import json_option, limit_option, show_json_objects, show_table
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.listeners import initialize_notice_event_listener
from pgqueuer.core.logconfig import LogLevel, setup_fancy_logger
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.models import AnyEvent, Job
from pgqueuer.domain.settings import db_settings
from pgqueuer.domain.types import Channel, JobId, OnConflict
from pgqueuer.plugins.tracers import tracers_of, use_tracers
from pgqueuer.ports.driver import ConnectionLiveness, Driver

LIVENESS_CHECK_SECONDS = 1.0


@click.command()
@click.argument("entrypoint")
@click.argument("payload", required=False)
@click.option("--dedupe-key", help="At most one active job holds this key.")
@click.option(
    "--on-conflict",
    type=click.Choice([choice.value for choice in OnConflictChoice]),
    default=OnConflictChoice.raise_.value,
    show_default=True,
    help="What to do when an active job holds the dedupe key.",
)
@click.pass_context
def queue(
    ctx: click.Context,
    entrypoint: str,
    payload: str | None,
    dedupe_key: str | None,
    on_conflict: str,
) -> None:
    """Enqueue one job of ENTRYPOINT with the text PAYLOAD."""
    data = None if payload is None else os.fsencode(payload)
    policy: OnConflict = "skip" if on_conflict == OnConflictChoice.skip.value else "raise"
    if tracers := tracers_of(os.environ):
        # What is wrong with one is only logged, as the job is enqueued all the same.
        setup_fancy_logger(LogLevel.WARNING)
        use_tracers(tracers)

    async def enqueue(queries: Queries) -> JobId | None:
        try:
            ids = await queries.enqueue(entrypoint, data, dedupe_key=dedupe_key, on_conflict=policy)
        except DuplicateJobError:
            raise UserError(f"duplicate dedupe_key {dedupe_key!r}") from None
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error
        return ids[0]

    job_id = with_queries(ctx, enqueue)
    if job_id is None:
        click.echo(f"Skipped: duplicate dedupe_key {dedupe_key!r}.")
    else:
        click.echo(f"Enqueued job {job_id}.")


@click.command()
@limit_option(25, "jobs")
@json_option
@click.pass_context
def failed(ctx: click.Context, limit: int, as_json: bool) -> None:
    """List jobs that are held as failed, newest first."""
    jobs = with_queries(ctx, lambda queries: queries.list_failed_jobs(limit))
    if as_json:
        show_json_objects([_without_payload(job) for job in jobs])
    elif jobs:
        show_table(
            ["ID", "Entrypoint", "Attempts", "Created", "Payload bytes"],
            [[job.id, job.entrypoint, job.attempts, job.created, _size(job)] for job in jobs],
        )
    else:
        click.echo("No failed jobs.")


def _without_payload(job: Job) -> dict[str, object]:
    return {**job.model_dump(mode="json", exclude={"payload"}), "payload_bytes": _size(job)}


def _size(job: Job) -> int:
    return len(job.payload or b"")


@click.command()
@click.argument("ids", type=click.IntRange(1, LARGEST_ID), nargs=-1, required=True)
@click.pass_context
def requeue(ctx: click.Context, ids: tuple[int, ...]) -> None:
    """Put the failed jobs with these IDS back to the queue, as if they were new.

    Ids that belong to no failed job are left alone, and then the command exits with 1.
    """
    wanted = [JobId(number) for number in dict.fromkeys(ids)]
    done = with_queries(ctx, lambda queries: queries.requeue_failed(wanted))
    click.echo(f"Re-queued {done} job(s).")
    if done < len(wanted):
        raise UserError(
            f"{len(wanted) - done} of {len(wanted)} id(s) belong to no failed job; "
            "'pgq failed' lists those that do"
        )


@click.command()
@click.option("--channel", help="Channel to listen on, instead of that of the settings.")
@click.pass_context
def listen(ctx: click.Context, channel: str | None) -> None:
    """Print each event of the channel until interrupted."""
    name = Channel(channel or db_settings().channel)

    async def follow(queries: Queries) -> None:
        await initialize_notice_event_listener(queries.driver, name, _show_event)
        click.echo(f"Listening on {name}; end with Ctrl-C.", err=True)
        await _until_connection_lost(queries.driver)

    with_queries(ctx, follow)


def _show_event(event: AnyEvent) -> None:
    click.echo(repr(event))


async def _until_connection_lost(driver: Driver) -> None:
    while not (isinstance(driver, ConnectionLiveness) and driver.closed):  # noqa: ASYNC110
        await asyncio.sleep(LIVENESS_CHECK_SECONDS)
    raise ConnectionError("the connection to the database was lost")
