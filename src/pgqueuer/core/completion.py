"""Waiting for jobs to end."""

from __future__ import annotations

import asyncio
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from pgqueuer.core.backoff import Backoff, jittered
from pgqueuer.core.ends import EndSearch, JobStatusSource
from pgqueuer.core.logconfig import logger
from pgqueuer.core.ranges import check_duration
from pgqueuer.core.tm import cancel_and_wait
from pgqueuer.domain.settings import db_settings
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.ports.driver import Driver, ListenerRemover

POLL_SECONDS: Final = 0.075
"""The pause between looks, or as long as the last look took where that was longer: asking for very
many jobs takes half of a connection at most."""

SHORTEST_REFRESH: Final = timedelta(microseconds=1)


@dataclass(eq=False)
class CompletionWatcher:
    """Tells when jobs reach a status that ends them; `failed` jobs are parked and still wait.

    ::

        async with CompletionWatcher(driver, queries=queries) as watcher:
            status = await watcher.wait_for(job_id)

    Ends are not notified, so the watcher looks about ten times a second while someone waits, less
    often where that takes long, and at least every `refresh_interval`; a notification makes it
    look `debounce` later. With `refresh_interval` None only notifications and new waiters do.
    Looks cost the same for 10,000 waiters as for 500: they follow the log for all of them, and ask
    for each job when it is new and every `refresh_interval`.

    Leaving the block waits for all waiters, `exit_timeout` at most, then cancels the rest. Leaving
    it by an exception or a cancellation cancels them at once.
    """

    driver: Driver
    _: KW_ONLY
    queries: JobStatusSource
    refresh_interval: timedelta | None = timedelta(seconds=5)
    debounce: timedelta = timedelta(milliseconds=50)
    exit_timeout: timedelta | None = None
    shutdown: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    waiters: dict[JobId, list[asyncio.Future[JOB_STATUS]]] = field(
        default_factory=dict, init=False, repr=False
    )
    _channel: str = field(default="", init=False, repr=False)
    _hint: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    _poller: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _backoff: Backoff = field(default_factory=Backoff, init=False, repr=False)
    _search: EndSearch = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.refresh_interval is not None:
            check_duration("refresh_interval", self.refresh_interval, SHORTEST_REFRESH)
        check_duration("debounce", self.debounce)
        if self.exit_timeout is not None:
            check_duration("exit_timeout", self.exit_timeout)
        self._search = EndSearch(self.queries, self.refresh_interval, self._ended)

    def wait_for(self, job_id: JobId) -> asyncio.Future[JOB_STATUS]:
        """A future of the job's last status; also for a job that has ended already.

        A job that the log does not know, as after the queue was truncated, never resolves it.
        """
        if self.shutdown.is_set():
            raise RuntimeError("The watcher was left; call wait_for() inside its 'async with'")
        waiter: asyncio.Future[JOB_STATUS] = asyncio.get_running_loop().create_future()
        self.waiters.setdefault(job_id, []).append(waiter)
        self._hint.set()
        return waiter

    async def __aenter__(self) -> Self:
        self.shutdown.clear()
        builder = getattr(self.queries, "qbe", None)
        self._channel = (builder.settings if builder else db_settings()).channel
        await self.driver.add_listener(self._channel, self._notified)
        self._poller = asyncio.create_task(self._poll())
        return self

    def _notified(self, payload: str | bytes | bytearray) -> None:
        """Whatever it says: a job may have ended."""
        self._hint.set()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._hint.wait()
            self._hint.clear()
            while self._forget_done():
                started = loop.time()
                pause = await self._refresh()
                if self.waiters:
                    await self._rest(loop.time() - started, pause)

    def _forget_done(self) -> bool:
        """Drop waiters that were resolved or canceled; tell whether there are others."""
        for job_id, waiters in list(self.waiters.items()):
            if all(waiter.done() for waiter in waiters):
                del self.waiters[job_id]
        return bool(self.waiters)

    async def _refresh(self) -> float:
        """Look once; return how long a failure makes the next turn wait."""
        try:
            await self._search.look(self.waiters.keys())
        except Exception:
            logger.exception(
                "The status of %d job(s) could not be read; trying again", len(self.waiters)
            )
            return self._backoff.next_delay()
        self._backoff.reset()
        return 0.0

    def _ended(self, job_id: JobId, status: JOB_STATUS) -> None:
        for waiter in self.waiters.pop(job_id, ()):
            if not waiter.done():
                waiter.set_result(status)

    async def _rest(self, elapsed: float, failure_pause: float) -> None:
        if failure_pause:
            await asyncio.sleep(failure_pause)
            return
        pause = None
        if self.refresh_interval is not None:
            longest = self.refresh_interval.total_seconds()
            pause = jittered(min(max(POLL_SECONDS, elapsed), longest))
        try:
            async with asyncio.timeout(pause):
                await self._hint.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self.debounce.total_seconds())
        self._hint.clear()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                await self._wait_for_waiters()
        finally:
            await self._close()

    async def _wait_for_waiters(self) -> None:
        timeout = None if self.exit_timeout is None else self.exit_timeout.total_seconds()
        try:
            async with asyncio.timeout(timeout):
                while self._forget_done():
                    await asyncio.wait(self._unresolved())
        except TimeoutError:
            logger.warning("Leaving while %d job(s) have not ended", len(self.waiters))

    def _unresolved(self) -> list[asyncio.Future[JOB_STATUS]]:
        return [
            waiter for waiters in self.waiters.values() for waiter in waiters if not waiter.done()
        ]

    async def _close(self) -> None:
        self.shutdown.set()
        for waiter in self._unresolved():
            waiter.cancel()
        self.waiters.clear()
        try:
            if self._poller is not None:
                await cancel_and_wait(self._poller)
        finally:
            await self._stop_listening()

    async def _stop_listening(self) -> None:
        if isinstance(self.driver, ListenerRemover):
            try:
                await self.driver.remove_listener(self._channel, self._notified)
            except Exception:
                logger.warning("The listener on %s stays behind", self._channel, exc_info=True)
