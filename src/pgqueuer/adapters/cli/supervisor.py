"""Running a manager until it is done, told to stop, or has to be started again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from functools import partial

from pgqueuer.adapters.cli.announcement import announce
from pgqueuer.adapters.cli.factories import load_factory
from pgqueuer.adapters.cli.health import Health
from pgqueuer.adapters.cli.supervising.generation import Plan
from pgqueuer.adapters.cli.supervising.managers import (
    Manager,
    ManagerFactory,
    Services,
    setup_shutdown_handlers,
)
from pgqueuer.adapters.cli.supervising.stop import (
    Stop,
    await_shutdown_or_timeout,
    background,
    forward_shutdown,
    setup_signal_handlers,
    signals,
)
from pgqueuer.adapters.cli.supervising.succession import Succession
from pgqueuer.core.ranges import check_duration
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.plugins.services import resolve_services
from pgqueuer.plugins.tracers import tracers_of, use_tracers

__all__ = [
    "Manager",
    "ManagerFactory",
    "Services",
    "await_shutdown_or_timeout",
    "forward_shutdown",
    "run",
    "run_manager",
    "runit",
    "setup_shutdown_handlers",
    "setup_signal_handlers",
]


async def run(
    factory: str | ManagerFactory,
    *,
    dequeue_timeout: timedelta = timedelta(seconds=30),
    batch_size: int | None = None,
    heartbeat_timeout: timedelta = timedelta(seconds=30),
    mode: QueueExecutionMode = QueueExecutionMode.continuous,
    max_concurrent_tasks: int | None = None,
    shutdown_on_listener_failure: bool = False,
    restart_on_failure: bool = False,
    restart_delay: timedelta = timedelta(seconds=5),
    shutdown: asyncio.Event | None = None,
    shutdown_timeout: timedelta | None = None,
    tracers: Sequence[str] | None = None,
    services: Sequence[str] = (),
    service_options: Mapping[str, str] | None = None,
    health_port: int | None = None,
    health_host: str = "127.0.0.1",
    on_abort: Callable[[], None] | None = None,
) -> None:
    """Run the manager that `factory` yields, as `pgq run` does.

    `factory` is an async context manager function or "package.module:attribute". Without
    `shutdown` SIGINT and SIGTERM stop the worker; with it no signal handler is set and setting the
    event stops it. A stop lets running jobs end; what still runs after `shutdown_timeout` (None:
    no bound), or at a second signal, goes back to the queue. A worker that has lost its connection
    for good calls the factory again until there is one, and keeps what it runs; other errors are
    raised. With `restart_on_failure` any error is logged and the factory called again after
    `restart_delay`; a negative one is a ValueError.
    The tracers of these names (None: those in PGQUEUER_TRACERS) become that of the process first.
    The services of these names run beside each manager, with `service_options`. With `health_port`
    probes are answered there all the while. `on_abort` is called when a stop waits no longer.
    """
    use_tracers(tracers_of(os.environ) if tracers is None else tracers)
    await runit(
        load_factory(factory),
        dequeue_timeout=dequeue_timeout,
        batch_size=batch_size,
        restart_delay=restart_delay if restart_on_failure else timedelta(0),
        restart_on_failure=restart_on_failure,
        shutdown=asyncio.Event() if shutdown is None else shutdown,
        mode=mode,
        max_concurrent_tasks=max_concurrent_tasks,
        shutdown_on_listener_failure=shutdown_on_listener_failure,
        heartbeat_timeout=heartbeat_timeout,
        handle_signals=shutdown is None,
        shutdown_timeout=shutdown_timeout,
        services=Services(resolve_services(services), service_options or {}),
        health=None if health_port is None else Health(health_host, health_port),
        on_abort=on_abort,
    )


async def runit(
    factory: ManagerFactory,
    dequeue_timeout: timedelta,
    batch_size: int | None,
    restart_delay: timedelta,
    restart_on_failure: bool,
    shutdown: asyncio.Event,
    mode: QueueExecutionMode = QueueExecutionMode.continuous,
    max_concurrent_tasks: int | None = None,
    shutdown_on_listener_failure: bool = False,
    heartbeat_timeout: timedelta = timedelta(seconds=30),
    handle_signals: bool = True,
    shutdown_timeout: timedelta | None = None,
    services: Services | None = None,
    health: Health | None = None,
    on_abort: Callable[[], None] | None = None,
) -> None:
    """Run managers of `factory` one after the other until one ends well or `shutdown` is set.

    Each gets a shutdown event of its own, which follows `shutdown`. One that worked and lost its
    connection is replaced after growing delays, unless `shutdown_on_listener_failure`. Another
    error is raised, or with `restart_on_failure` logged unless the worker was stopping anyway.
    Settings out of range are refused before the first one is made.
    """
    check_duration("restart_delay", restart_delay)
    if shutdown_timeout is not None:
        check_duration("shutdown_timeout", shutdown_timeout)
    options = RunOptions(
        dequeue_timeout=dequeue_timeout,
        batch_size=batch_size,
        mode=mode,
        max_concurrent_tasks=max_concurrent_tasks,
        shutdown_on_listener_failure=shutdown_on_listener_failure,
        heartbeat_timeout=heartbeat_timeout,
    )
    stop = Stop(shutdown, on_abort)
    services = services or Services()
    health = health or Health()
    succession = Succession(
        Plan(
            factory=factory,
            work=partial(_run_with, options, services),
            beside=partial(_beside, services, health),
            stop=stop,
            replaces=not shutdown_on_listener_failure,
        ),
        restart_delay if restart_on_failure else None,
    )
    with signals(stop) if handle_signals else nullcontext():
        async with (
            background(stop.enforce(shutdown_timeout)),
            background(stop.tell_abort()),
            health.served(shutdown, heartbeat_timeout),
        ):
            await succession.run()


@asynccontextmanager
async def _beside(services: Services, health: Health, manager: Manager) -> AsyncGenerator[None]:
    with health.following(manager):
        async with services.beside(manager):
            yield


async def run_manager(
    manager: Manager,
    dequeue_timeout: timedelta,
    batch_size: int | None,
    mode: QueueExecutionMode = QueueExecutionMode.continuous,
    max_concurrent_tasks: int | None = None,
    shutdown_on_listener_failure: bool = False,
    heartbeat_timeout: timedelta = timedelta(seconds=30),
) -> None:
    """Run `manager` to its end; a SchedulerManager takes only `heartbeat_timeout`."""
    if isinstance(manager, SchedulerManager):
        await manager.run(heartbeat_timeout)
        return
    await manager.run(
        dequeue_timeout=dequeue_timeout,
        batch_size=batch_size,
        mode=mode,
        max_concurrent_tasks=max_concurrent_tasks,
        shutdown_on_listener_failure=shutdown_on_listener_failure,
        heartbeat_timeout=heartbeat_timeout,
    )


async def _run_with(options: RunOptions, services: Services, manager: Manager) -> None:
    await announce(manager, options, services.factories)
    await run_manager(
        manager,
        dequeue_timeout=options.dequeue_timeout,
        batch_size=options.batch_size,
        mode=options.mode,
        max_concurrent_tasks=options.max_concurrent_tasks,
        shutdown_on_listener_failure=options.shutdown_on_listener_failure,
        heartbeat_timeout=options.heartbeat_timeout,
    )
