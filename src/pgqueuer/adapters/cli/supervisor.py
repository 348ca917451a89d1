"""Running a manager until it is done, told to stop, or has to be started again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pgqueuer.adapters.cli.announcement import announce
from pgqueuer.adapters.cli.factories import load_factory, validate_factory_result
from pgqueuer.adapters.cli.health import Health
from pgqueuer.core.applications import PgQueuer
from pgqueuer.core.logconfig import logger
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.ranges import check_duration
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.plugins.registry import plugins_in_use
from pgqueuer.plugins.services import resolve_services, running
from pgqueuer.plugins.specs import ServiceContext
from pgqueuer.plugins.tracers import tracers_of, use_tracers

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import ServiceFactory

Manager: TypeAlias = PgQueuer | QueueManager | SchedulerManager
ManagerFactory: TypeAlias = Callable[[], AbstractAsyncContextManager[Manager]]
T = TypeVar("T")
_Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None
_Work: TypeAlias = Callable[[Manager], Awaitable[None]]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    no bound), or at a second signal, goes back to the queue. With `restart_on_failure` an error
    is logged and the factory called again after `restart_delay`; a negative one is a ValueError.
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

    Each gets a shutdown event of its own, which follows `shutdown`. An error is raised, or with
    `restart_on_failure` logged unless the worker was stopping anyway. Settings out of range are
    refused before the first one is made.
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
    stop = _Stop(shutdown, on_abort)
    delay = restart_delay if restart_on_failure else None
    services = services or Services()
    health = health or Health()
    work = partial(_run_with, options, services, health)
    with _signals(stop) if handle_signals else nullcontext():
        async with (
            _background(stop.enforce(shutdown_timeout)),
            _background(stop.tell_abort()),
            health.served(shutdown, heartbeat_timeout),
        ):
            await _run_until_done(factory, stop, work, services, delay)


async def _run_until_done(
    factory: ManagerFactory,
    stop: _Stop,
    work: _Work,
    services: Services,
    restart_delay: timedelta | None,
) -> None:
    while not stop.shutdown.is_set():
        try:
            await _run_once(factory, stop, work, services)
        except Exception:
            if restart_delay is None or stop.shutdown.is_set():
                raise
            logger.exception("The worker failed; it starts again in %s", restart_delay)
        else:
            return
        await await_shutdown_or_timeout(stop.shutdown, restart_delay)


async def _run_once(factory: ManagerFactory, stop: _Stop, work: _Work, services: Services) -> None:
    shutdown = asyncio.Event()
    async with AsyncExitStack() as stack:
        context = validate_factory_result(factory())
        # Nothing runs yet that a stop would have to wait for.
        entered = await stop.cut_short(stack.enter_async_context(context), stop.shutdown)
        if entered is None and stop.shutdown.is_set():
            return
        manager = setup_shutdown_handlers(entered, shutdown)
        logger.info("Plugins: %s", ", ".join(map(str, plugins_in_use())) or "none")
        async with (
            _background(forward_shutdown(stop.shutdown, shutdown)),
            services.beside(manager),
        ):
            await stop.cut_short(work(manager))


def setup_shutdown_handlers(manager: object, shutdown: asyncio.Event) -> Manager:
    """Make `shutdown` the event that stops `manager`, and return the manager.

    Raises NotImplementedError for anything but a PgQueuer, QueueManager or SchedulerManager.
    """
    match manager:
        case PgQueuer():
            manager.shutdown = manager.qm.shutdown = manager.sm.shutdown = shutdown
        case QueueManager() | SchedulerManager():
            manager.shutdown = shutdown
        case _:
            raise NotImplementedError(
                f"The factory yielded {type(manager).__name__}; "
                "yield a PgQueuer, a QueueManager or a SchedulerManager."
            )
    return manager


async def forward_shutdown(source: asyncio.Event, target: asyncio.Event) -> None:
    """Set `target` once `source` is set."""
    await source.wait()
    target.set()


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


async def _run_with(
    options: RunOptions, services: Services, health: Health, manager: Manager
) -> None:
    await announce(manager, options, services.factories)
    with health.following(manager):
        await _run_manager(options, manager)


async def _run_manager(options: RunOptions, manager: Manager) -> None:
    await run_manager(
        manager,
        dequeue_timeout=options.dequeue_timeout,
        batch_size=options.batch_size,
        mode=options.mode,
        max_concurrent_tasks=options.max_concurrent_tasks,
        shutdown_on_listener_failure=options.shutdown_on_listener_failure,
        heartbeat_timeout=options.heartbeat_timeout,
    )


async def await_shutdown_or_timeout(shutdown: asyncio.Event, timeout: timedelta) -> None:
    """Return when `shutdown` is set or `timeout` has passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout.total_seconds()):
            await shutdown.wait()


@dataclass(frozen=True)
class Services:
    """The services that run beside a manager, and what the user said for them."""

    factories: Mapping[str, ServiceFactory] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def beside(self, manager: Manager) -> AbstractAsyncContextManager[None]:
        """Start them, with what belongs to `manager`, and end them after the block."""
        if not self.factories:
            return nullcontext()
        queue = manager.qm if isinstance(manager, PgQueuer) else manager
        return running(
            self.factories,
            ServiceContext(
                queries=queue.queries,
                shutdown=manager.shutdown,
                resources=manager.resources,
                observers=queue.observers if isinstance(queue, QueueManager) else [],
                options=self.options,
            ),
        )


class _Stop:
    """A stop in two steps: `shutdown` asks for a drain, `abort` ends what still runs."""

    def __init__(self, shutdown: asyncio.Event, on_abort: Callable[[], None] | None = None) -> None:
        self.shutdown = shutdown
        self.abort = asyncio.Event()
        self._on_abort = on_abort

    async def enforce(self, timeout: timedelta | None) -> None:
        """Take the second step `timeout` after the first."""
        if timeout is None:
            return
        await self.shutdown.wait()
        await await_shutdown_or_timeout(self.abort, timeout)
        self.abort.set()

    async def tell_abort(self) -> None:
        """Call what the caller wants to be told of the second step with."""
        await self.abort.wait()
        if self._on_abort is not None:
            self._on_abort()

    async def cut_short(self, work: Awaitable[T], by: asyncio.Event | None = None) -> T | None:
        """The result of `work`, or None when `by` (`abort`) canceled it before there was one.

        A manager that is canceled puts its jobs back to the queue.
        """
        deadline = asyncio.timeout(None)
        try:
            async with deadline, _background(self._expire(deadline, by or self.abort)):
                return await work
        except TimeoutError:
            if not deadline.expired():
                raise
        if by is None:
            logger.warning("Stopped at once; jobs that were still running go back to the queue")
        else:
            logger.warning("Stopped before the worker had started")
        return None

    async def _expire(self, deadline: asyncio.Timeout, by: asyncio.Event) -> None:
        await by.wait()
        deadline.reschedule(asyncio.get_running_loop().time())


@contextmanager
def _signals(stop: _Stop) -> Generator[None]:
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    setup_signal_handlers(stop.shutdown, stop.abort)
    try:
        yield
    finally:
        _reset_signal_handlers(before)


def setup_signal_handlers(shutdown: asyncio.Event, abort: asyncio.Event | None = None) -> None:
    """Set `shutdown` at the first SIGINT or SIGTERM, and `abort` at the second.

    After the second one the signals are not handled any more, so that a third one ends the
    process. Where the event loop can not handle signals, this only logs a warning.
    """

    def receive(number: int) -> None:
        if not shutdown.is_set():
            shutdown.set()
        elif abort is not None:
            _reset_signal_handlers(dict.fromkeys(_SIGNALS, signal.SIG_DFL))
            abort.set()
        logger.info("Signal %d received", number)

    loop = asyncio.get_running_loop()
    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, receive, number)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        logger.warning("Signals will not stop this worker gracefully: %s", error or "no support")


def _reset_signal_handlers(handlers: Mapping[signal.Signals, _Handler]) -> None:
    """Put `handlers` in the place of those of the loop; nothing to do where it has none."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)


@asynccontextmanager
async def _background(coroutine: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Run `coroutine` beside the block and cancel it at the end."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
