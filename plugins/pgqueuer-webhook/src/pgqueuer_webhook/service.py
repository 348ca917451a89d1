"""The service `webhook`."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import httpx

from pgqueuer.plugins import ServiceContext
from pgqueuer_webhook.log import LEASE, Entry, LeaseLostError, LogReader
from pgqueuer_webhook.message import Message, make_message
from pgqueuer_webhook.sending import Answer, delay_after, post
from pgqueuer_webhook.settings import Settings, read_settings

LONGEST_PAUSE = 60.0
RELEASE_TIMEOUT = 1.0

# Below that of the queue, so that `pgq run` prints it.
logger = logging.getLogger("pgqueuer.webhook")


@asynccontextmanager
async def post_failures(context: ServiceContext) -> AsyncGenerator[None]:
    """Post failed jobs as long as the worker lives, and what is left of them at its end.

    Raises SettingsError.
    """
    settings = read_settings(os.environ, context.options)
    async with httpx.AsyncClient(timeout=settings.timeout) as client:
        courier = Courier(LogReader(context.queries, settings), settings, client)
        working = asyncio.create_task(courier.work())
        try:
            yield
        finally:
            await courier.end(working)


class Courier:
    """Carries what a reader finds to the endpoint, batch by batch."""

    def __init__(self, reader: LogReader, settings: Settings, client: httpx.AsyncClient) -> None:
        self._reader = reader
        self._settings = settings
        self._client = client
        self._stopping = asyncio.Event()

    async def work(self) -> None:
        """Post until `end`. Whatever fails is logged and tried again."""
        installed = False
        failures = 0
        while True:
            last = self._stopping.is_set()
            try:
                if not installed:
                    await self._reader.install()
                    installed = True
                await self._turn()
                failures = 0
                pause = self._settings.interval
            except LeaseLostError:
                logger.info("Another worker posts to %s now", self._settings.place)
                pause = self._settings.interval
            except NotImplementedError:
                logger.error("The webhook needs a queue in PostgreSQL; it posts nothing")
                return
            except Exception:
                failures += 1
                pause = min(self._settings.interval * 2.0 ** min(failures, 20), LONGEST_PAUSE)
                logger.exception("The webhook could not read the log; trying again")
            if last:
                return
            # Apart from each other, so that a fleet does not ask all at once.
            await self._rest(pause * random.uniform(0.8, 1))  # noqa: S311

    async def end(self, working: asyncio.Task[None]) -> None:
        """Post what is left, for as long as the settings say, and give up the lease."""
        self._stopping.set()
        try:
            _, late = await asyncio.wait([working], timeout=self._settings.drain)
            if late:
                logger.warning(
                    "%s did not take the rest in time; the next worker posts it",
                    self._settings.place,
                )
        finally:
            working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                await self._reader.release()
        except Exception as error:  # the lease ends by itself
            logger.debug("The lease of the webhook was not released: %r", error)

    async def _turn(self) -> None:
        """Post all that there is, if it is this worker's turn."""
        while await self._reader.lead():
            entries = await self._reader.read()
            fresh = self._fresh(entries)
            if fresh and not await self._deliver(fresh):
                return
            await self._reader.done(entries)
            if len(entries) < self._settings.batch:
                return

    def _fresh(self, entries: list[Entry]) -> list[Entry]:
        fresh = [entry for entry in entries if entry.age <= self._settings.max_age]
        self._dropped(len(entries) - len(fresh), "too old")
        return fresh

    async def _deliver(self, entries: list[Entry]) -> bool:
        """Post `entries` until they are taken, refused or too old; false when told to stop."""
        message = make_message(self._settings.name, [entry.event for entry in entries])
        youngest = min(entry.age for entry in entries)
        until = time.monotonic() + self._settings.max_age - youngest
        failures = 0
        while True:
            answer = await self._attempt(message)
            if answer.accepted:
                return True
            if answer.refused:
                self._dropped(len(entries), f"refused with {answer.reason}")
                return True
            failures += 1
            delay = max(delay_after(failures), answer.retry_after)
            if time.monotonic() + delay > until:
                self._dropped(len(entries), f"too old; the last answer was {answer.reason}")
                return True
            logger.warning(
                "%s did not take %d events, attempt %d: %s",
                self._settings.place,
                len(entries),
                failures,
                answer.reason,
            )
            if not await self._wait(delay):
                return False

    async def _attempt(self, message: Message) -> Answer:
        settings = self._settings
        return await post(
            self._client,
            str(settings.url),
            message,
            keys=settings.secret,
            timeout=settings.timeout,
        )

    async def _wait(self, seconds: float) -> bool:
        """Keep the lease for so long; false when told to stop meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.is_set():
            await self._rest(min(left, LEASE / 3))
            await self._reader.renew()
        return not self._stopping.is_set()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _dropped(self, count: int, why: str) -> None:
        if count:
            logger.error("%d events for %s are dropped: %s", count, self._settings.place, why)
