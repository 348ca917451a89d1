"""Services by name, for `pgq run --service`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from pgqueuer.plugins.registry import PluginRegistry, installed_plugins
from pgqueuer.plugins.specs import ServiceContext

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import ServiceFactory

PATIENCE: Final = 10.0
"""Seconds that the worker waits for one service to start, and to end."""

logger = logging.getLogger(__name__)


def resolve_services(
    names: Sequence[str], *, registry: PluginRegistry | None = None
) -> dict[str, ServiceFactory]:
    """The factories of the named services, in order, each under its name and plugin for the log.

    Raises as the lookups of the registry do, and FactoryError.
    """
    if not names:
        return {}
    plugins = installed_plugins() if registry is None else registry
    found = [plugins.service(name) for name in names]
    return {str(capability): capability.load() for capability in found}


@asynccontextmanager
async def running(
    services: Mapping[str, ServiceFactory], context: ServiceContext, *, patience: float = PATIENCE
) -> AsyncGenerator[None]:
    """Run the services beside the block, each in a task of its own.

    Whatever one raises, and whenever, is logged with its traceback, and the block goes on. The
    block begins when all have started, failed, or taken `patience` seconds to start. One that does
    not end within `patience` seconds is named and canceled.
    """
    async with AsyncExitStack() as stack:
        for label, factory in services.items():
            await stack.enter_async_context(_beside(_Service(label, factory, context), patience))
        yield


@asynccontextmanager
async def _beside(service: _Service, patience: float) -> AsyncGenerator[None]:
    task = asyncio.create_task(service.live())
    try:
        await service.start(task, patience)
        yield
    finally:
        await service.end(task, patience)


class _Service:
    """One service; its task keeps its cancellations and faults away from that of the worker."""

    def __init__(self, label: str, factory: ServiceFactory, context: ServiceContext) -> None:
        self._label = label
        self._factory = factory
        self._context = context
        self._stage = "did not start; the worker goes on without it"
        self._started = asyncio.Event()
        self._ending = asyncio.Event()

    async def live(self) -> None:
        """Open the service, wait for the end of the worker, close it; log what it raises."""
        others = asyncio.all_tasks()
        try:
            async with self._factory(self._context):
                self._watch(asyncio.all_tasks() - others)
                self._stage = "failed; the worker goes on without it"
                self._started.set()
                await self._ending.wait()
                self._stage = "did not end well"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # foreign code
            if not _was_canceled(error):
                logger.exception("The %s %s", self._label, self._stage)

    async def start(self, task: asyncio.Task[None], patience: float) -> None:
        """Wait until the service is open, or not to be waited for any more."""
        opened = asyncio.create_task(self._started.wait())
        try:
            await asyncio.wait(
                {task, opened}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            opened.cancel()
        if not (task.done() or self._started.is_set()):
            logger.warning(
                "The %s has not started within %g seconds; the worker goes on meanwhile",
                self._label,
                patience,
            )

    def _watch(self, tasks: Iterable[asyncio.Task[object]]) -> None:
        """Log what ends a task that the service began, which may go unseen for long otherwise."""
        for task in tasks:
            task.add_done_callback(self._report)

    def _report(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A task of the %s failed", self._label, exc_info=error)

    async def end(self, task: asyncio.Task[None], patience: float) -> None:
        """Ask the service to end; cancel it when it takes too long."""
        self._ending.set()
        if not self._started.is_set():
            task.cancel()
        _, waiting = await asyncio.wait({task}, timeout=patience)
        if waiting:
            logger.error("The %s did not end within %g seconds", self._label, patience)
            task.cancel()
            await asyncio.wait({task}, timeout=patience)


def _was_canceled(error: BaseException) -> bool:
    task = asyncio.current_task()
    asked = task is not None and task.cancelling() > 0
    return isinstance(error, asyncio.CancelledError) and asked
