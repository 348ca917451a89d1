"""`pgq run`: a worker of the user's manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import click

from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.adapters.cli.factories import FactoryReferenceError, load_factory
from pgqueuer.adapters.cli.last_resort import LastResort
from pgqueuer.adapters.cli.options import LOG_LEVELS, Seconds
from pgqueuer.adapters.cli.run_log import LOG_FORMATS, failures_logged, start_log
from pgqueuer.core.ranges import MAX_DURATION, MIN_HEARTBEAT_TIMEOUT
from pgqueuer.core.worker.options import MAX_BATCH_SIZE
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.plugins.registry import installed_plugins

LONGEST = MAX_DURATION.total_seconds()


@click.command()
@click.argument("factory")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--dequeue-timeout",
    type=Seconds(maximum=LONGEST),
    default="30",
    show_default=True,
    help="Look for work at least so often, should a notification get lost.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, MAX_BATCH_SIZE),
    help="Claim so many jobs at once. [default: as many as the worker can start soon]",
)
@click.option(
    "--heartbeat-timeout",
    type=Seconds(minimum=MIN_HEARTBEAT_TIMEOUT.total_seconds(), maximum=LONGEST),
    default="30",
    show_default=True,
    help="A job without a heartbeat for so long is taken over by another worker.",
)
@click.option(
    "--max-concurrent-tasks",
    type=click.IntRange(min=0),
    help="Run at most so many jobs at once; 0 for no bound. [default: 1000]",
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in QueueExecutionMode]),
    default=QueueExecutionMode.continuous.value,
    show_default=True,
    help="Run until stopped, or until no work is left.",
)
@click.option(
    "--shutdown-timeout",
    type=Seconds(maximum=LONGEST),
    help="After a stop signal put jobs back that still run after so long. [default: no bound]",
)
@click.option(
    "--shutdown-on-listener-failure", is_flag=True, help="Stop when notifications stop coming."
)
@click.option(
    "--tracer",
    "tracers",
    multiple=True,
    help="Trace jobs with the tracer of this name; repeatable, the first outermost. "
    "[env var: PGQUEUER_TRACERS, with commas]",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    help="Run the service of this name beside the worker; repeatable.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    envvar="PGQUEUER_METRICS_PORT",
    show_envvar=True,
    help="Where `--service prometheus` answers. [default: 9464]",
)
@click.option(
    "--metrics-host",
    envvar="PGQUEUER_METRICS_HOST",
    show_envvar=True,
    help="The address that it listens on. [default: 127.0.0.1]",
)
@click.option(
    "--health-port",
    type=click.IntRange(1, 65535),
    envvar="PGQUEUER_HEALTH_PORT",
    show_envvar=True,
    help="Answer probes at /livez and /readyz of this port. [default: none]",
)
@click.option(
    "--health-host",
    default="127.0.0.1",
    show_default=True,
    envvar="PGQUEUER_HEALTH_HOST",
    show_envvar=True,
    help="The address that it listens on.",
)
@click.option("--restart-on-failure", is_flag=True, help="Start again after an error.")
@click.option(
    "--restart-delay",
    type=float,
    default=5.0,
    show_default=True,
    help="Seconds to wait before starting again.",
)
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS, case_sensitive=False),
    metavar="LEVEL",
    help="DEBUG to CRITICAL. [default: that of `pgq --log-level`, else INFO]",
)
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    envvar="PGQUEUER_LOG_FORMAT",
    show_envvar=True,
    help="Print what all loggers log, with the job on each line. "
    "[default: what PgQueuer logs, for people]",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    factory: str,
    args: tuple[str, ...],
    mode: str,
    heartbeat_timeout: timedelta,
    restart_on_failure: bool,
    restart_delay: float,
    log_level: str | None,
    log_format: str | None,
    tracers: tuple[str, ...],
    metrics_port: int | None,
    metrics_host: str | None,
    **options: Any,
) -> None:
    """Run the worker that FACTORY, as in "package.module:function", yields.

    FACTORY is an @asynccontextmanager function that yields a PgQueuer, a QueueManager or a
    SchedulerManager. What follows -- is passed to it as one list of strings.

    The first SIGINT or SIGTERM lets running jobs end. A second one, or --shutdown-timeout, puts
    those that still run back to the queue.
    """
    if restart_on_failure and not 0 <= restart_delay <= LONGEST:
        raise click.BadParameter(
            f"{restart_delay:g} is out of range; allowed is from 0 up to {LONGEST:g} seconds.",
            ctx,
            param_hint="'--restart-delay'",
        )
    start_log(ctx, log_level, log_format)
    installed_plugins()
    # Only now, as it puts the user's directory first on the path.
    manager_factory = load(ctx, factory, args)
    from pgqueuer.adapters.cli import supervisor  # noqa: PLC0415 - after cheap mistakes are told

    last_resort = LastResort(heartbeat_timeout)
    with failures_logged(log_format):
        worker = supervisor.run(
            manager_factory,
            mode=QueueExecutionMode(mode),
            heartbeat_timeout=heartbeat_timeout,
            restart_on_failure=restart_on_failure,
            restart_delay=timedelta(seconds=restart_delay if restart_on_failure else 0),
            tracers=tracers or None,
            service_options=_given({"metrics-port": metrics_port, "metrics-host": metrics_host}),
            on_abort=last_resort.arm,
            **options,
        )
        asyncio_run(last_resort.over(worker))


def _given(options: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in options.items() if value is not None}


def load(ctx: click.Context, ref: str, args: tuple[str, ...]) -> Callable[[], Any]:
    """The user's factory, bound to its arguments where there are any."""
    try:
        factory = load_factory(ref)
    except FactoryReferenceError as error:
        raise click.UsageError(str(error), ctx) from error
    return partial(factory, list(args)) if args else factory
