"""Making managers one after the other, until one ends well or can not be made."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from pgqueuer.adapters.cli.supervising.errors import is_connection_failure
from pgqueuer.adapters.cli.supervising.generation import Generation, Plan
from pgqueuer.adapters.cli.supervising.stop import await_shutdown_or_timeout
from pgqueuer.core.backoff import Backoff
from pgqueuer.core.logconfig import logger

HEALTHY_SECONDS: Final = 10.0
"""A manager that kept its connection for so long makes the next wait short again."""


class Succession:
    """Replaces a manager that has lost its connection, and keeps those that still run jobs.

    With `restart_delay` any failure is followed by another manager, after that delay. Without it
    only a lost connection is, after growing delays, where the plan says so and once a manager has
    worked.
    """

    def __init__(self, plan: Plan, restart_delay: timedelta | None) -> None:
        self._plan = plan
        self._stop = plan.stop
        self._restart_delay = restart_delay
        self._backoff = Backoff()
        self._generations: list[Generation] = []
        self._has_worked = False
        self._away = False
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Until a manager ends well or the program is stopped; raise what ended the last one."""
        try:
            while self._living() or not self._stop.shutdown.is_set():
                current = Generation(self._plan, self._living(), after_outage=self._away)
                self._generations.append(current)
                await self._follow(current)
                if not current.living and not self._is_followed(current):
                    break
                await self._pause(current)
                self._bury_dead()
            self._bury_dead()
        finally:
            for generation in self._living():
                await generation.end()
        if self._failure is not None:
            raise self._failure

    def _living(self) -> list[Generation]:
        return [generation for generation in self._generations if generation.living]

    async def _follow(self, current: Generation) -> None:
        """Wait until `current` has ended or is cut off; tell when it has found the database."""
        if self._away:
            await current.until_working()
            if current.living and current.worked:
                self._away = False
                logger.info(
                    "The worker is connected again; %d running job(s) go on", current.running_jobs
                )
        await current.until_cut_off()
        self._has_worked = self._has_worked or current.worked
        if current.living:
            self._tell_lost(None)

    def _is_followed(self, ended: Generation) -> bool:
        """Whether another manager comes after one that ended; raise its error otherwise."""
        error = ended.error
        if error is None:
            return False
        self._generations.remove(ended)
        if self._stop.shutdown.is_set() and not self._living():
            raise error
        if self._restart_delay is not None:
            logger.error(
                "The worker failed; it starts again in %s", self._restart_delay, exc_info=error
            )
            return True
        lost = ended.cut_off or is_connection_failure(error)
        if not (lost and self._has_worked and self._plan.replaces):
            raise error
        self._tell_lost(error)
        return True

    def _tell_lost(self, error: BaseException | None) -> None:
        if self._away:
            logger.debug("There is no connection yet", exc_info=error)
            return
        self._away = True
        logger.warning(
            "The worker has lost its connection; its factory is called again until there is one",
            exc_info=error,
        )

    async def _pause(self, current: Generation) -> None:
        if asyncio.get_running_loop().time() - current.began > HEALTHY_SECONDS:
            self._backoff.reset()
        delay = self._restart_delay
        if delay is None:
            delay = timedelta(seconds=self._backoff.next_delay())
        if not self._stop.shutdown.is_set():
            await await_shutdown_or_timeout(self._stop.shutdown, delay)
        elif living := self._living():
            await asyncio.wait(
                {generation.task for generation in living}, timeout=delay.total_seconds()
            )

    def _bury_dead(self) -> None:
        """Forget those that have ended; when the program stops, their errors are its own."""
        for generation in self._generations:
            error = generation.error
            if error is None:
                continue
            if self._stop.shutdown.is_set():
                self._failure = self._failure or error
            else:
                logger.error("An earlier manager did not end well", exc_info=error)
        self._generations = self._living()
