"""One manager, from the call of its factory to the end of its context."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Final, TypeAlias

from pgqueuer.adapters.cli.factories import validate_factory_result
from pgqueuer.adapters.cli.supervising.managers import (
    Manager,
    ManagerFactory,
    driver_of,
    go_on_over,
    is_cut_off,
    running_jobs,
    set_continuity,
    setup_shutdown_handlers,
    share_running_jobs,
)
from pgqueuer.adapters.cli.supervising.stop import Stop, background
from pgqueuer.core.logconfig import logger
from pgqueuer.core.tm import cancel_on_exit
from pgqueuer.core.worker.continuity import Continuity
from pgqueuer.plugins.registry import plugins_in_use
from pgqueuer.ports.driver import Driver

Work: TypeAlias = Callable[[Manager], Awaitable[None]]

LOOK_INTERVAL: Final = 0.2
"""Seconds between looks whether the connection is still there; a look asks nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How managers are made, run, stopped, and whether they get a new connection for a lost one.

    What is `beside` a manager is there from before its run until it has a successor.
    """

    factory: ManagerFactory
    work: Work
    beside: Callable[[Manager], AbstractAsyncContextManager[None]]
    stop: Stop
    replaces: bool


class Generation:
    """One manager and what it is given.

    Those of `elders` that still run have lost their connections. They go on over the new one, to
    end what they have begun, and this generation keeps its context open until they have.
    """

    def __init__(
        self, plan: Plan, elders: Sequence[Generation], *, after_outage: bool = False
    ) -> None:
        self._plan = plan
        self._elders = elders
        self._after_outage = after_outage
        self._manager: Manager | None = None
        self._continuity = Continuity()
        self._shutdown = asyncio.Event()
        self._retired = asyncio.Event()
        self._alone = asyncio.Event()
        self.began = asyncio.get_running_loop().time()
        self.task = asyncio.create_task(self._live())

    @property
    def living(self) -> bool:
        """Whether it has not ended."""
        return not self.task.done()

    @property
    def error(self) -> BaseException | None:
        """What it ended with, if it has ended."""
        ended = self.task.done() and not self.task.cancelled()
        return self.task.exception() if ended else None

    @property
    def worked(self) -> bool:
        """Whether the manager has found its tables: its settings are good."""
        return self._continuity.started

    @property
    def cut_off(self) -> bool:
        """Whether it can do nothing more by itself: its connection is gone."""
        return self._manager is not None and is_cut_off(self._manager)

    @property
    def running_jobs(self) -> int:
        """How many handlers run."""
        return 0 if self._manager is None else running_jobs(self._manager)

    async def until_working(self) -> None:
        """Wait until it has ended, has found its tables, or is cut off."""
        while self.living and not (self.worked or self.cut_off):
            await asyncio.wait({self.task}, timeout=LOOK_INTERVAL)

    async def until_cut_off(self) -> None:
        """Wait until it has ended, or has lost its connection and waits for another one."""
        while self.living and not (self.cut_off and self._continuity.replaceable):
            known = self._manager is not None and not self._continuity.replaceable
            await asyncio.wait({self.task}, timeout=None if known else LOOK_INTERVAL)

    async def end(self) -> None:
        """Cancel it; there will be no other connection."""
        self._continuity.replaceable = False
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _live(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                context = validate_factory_result(self._plan.factory())
                stop = self._plan.stop
                # Nothing runs yet that a stop would have to wait for, except for the elders.
                by = None if any(elder.living for elder in self._elders) else stop.shutdown
                entered = await stop.cut_short(stack.enter_async_context(context), by)
                if entered is None and (by or stop.abort).is_set():
                    return
                manager = setup_shutdown_handlers(entered, self._shutdown)
                self._continuity = set_continuity(manager, self._plan.replaces)
                self._continuity.after_outage = self._after_outage
                self._manager = manager
                await self._serve(manager)
        finally:
            self._alone.set()

    async def _serve(self, manager: Manager) -> None:
        elders = [elder for elder in self._elders if elder.living]
        driver = driver_of(manager)
        if driver is not None:
            for elder in elders:
                await elder._go_on(driver, manager)
        logger.info("Plugins: %s", ", ".join(map(str, plugins_in_use())) or "none")
        if not (elders and self._plan.stop.shutdown.is_set()):
            await self._run(manager)
        if driver is not None and any(elder.living for elder in elders):
            async with driver:
                await asyncio.wait({elder.task for elder in elders})

    async def _go_on(self, driver: Driver, successor: Manager) -> None:
        """End what was begun over another connection, and begin nothing more."""
        if self._manager is None or not self._continuity.replaceable:
            return
        self._retired.set()
        self._shutdown.set()
        go_on_over(driver, self._manager)
        share_running_jobs(self._manager, successor)
        # Before anybody looks for expired leases.
        if self._continuity.resume is not None:
            await self._continuity.resume()
        # A successor's services may need the same port.
        await self._alone.wait()

    async def _run(self, manager: Manager) -> None:
        plan = self._plan
        async with background(self._follow_stop()), AsyncExitStack() as services:
            await services.enter_async_context(plan.beside(manager))
            running = asyncio.create_task(plan.stop.cut_short(plan.work(manager)))
            async with cancel_on_exit(running):
                await self._until_retired(running)
                await services.aclose()
                self._alone.set()
                await running

    async def _until_retired(self, running: asyncio.Task[None]) -> None:
        async with cancel_on_exit(asyncio.create_task(self._retired.wait())) as retired:
            await asyncio.wait({running, retired}, return_when=asyncio.FIRST_COMPLETED)

    async def _follow_stop(self) -> None:
        await self._plan.stop.shutdown.wait()
        self._continuity.ending = True
        self._shutdown.set()
