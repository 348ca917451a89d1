"""Hears the notifications of the queue, and notices when it does not hear any more."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, MutableMapping, Sequence
from datetime import timedelta

from pgqueuer.core.backoff import Backoff, jittered
from pgqueuer.core.listeners import (
    EventRouter,
    PGNoticeEventListener,
    default_event_router,
    notice_callback,
)
from pgqueuer.core.logconfig import logger
from pgqueuer.core.worker.observing import Observers
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import AnyEvent, Context, HealthCheckEvent
from pgqueuer.domain.types import Channel, HealthCheckId, JobId
from pgqueuer.ports.driver import ListenerRemover, ListeningWatcher
from pgqueuer.ports.observer import ListenerChanged
from pgqueuer.ports.repository import RepositoryPort
from pgqueuer.ports.statements import statements_within

FIRST_CHECK = 1.5
"""Seconds until a new listener has to prove itself; until then a worker takes it on trust."""

CHECK_INTERVAL = 15.0
CHECK_TIMEOUT = timedelta(seconds=10)


async def check_listener(
    queries: RepositoryPort,
    pending: MutableMapping[HealthCheckId, asyncio.Future[HealthCheckEvent]],
    timeout: timedelta,
) -> HealthCheckEvent:
    """Send a message round through the database.

    Raises FailingListenerError when it does not come back within `timeout`.
    """
    check_id = HealthCheckId(uuid.uuid4())
    answer: asyncio.Future[HealthCheckEvent] = asyncio.get_running_loop().create_future()
    pending[check_id] = answer
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await queries.notify_health_check(check_id)
            return await answer
    except TimeoutError as error:
        raise FailingListenerError(
            f"No notification came back within {timeout.total_seconds():g} s; check that the "
            "connection may LISTEN (a pooler in transaction mode may not)"
        ) from error
    finally:
        del pending[check_id]


async def channels_of(queries: RepositoryPort, own: Channel) -> Sequence[Channel]:
    """Where a worker has to listen: on its own channel, and on the trigger's if that is another.

    The trigger keeps the channel that it was installed with, whatever workers are told later.
    """
    announced = await queries.trigger_channel()
    if announced is None or announced == own:
        return [own]
    logger.warning(
        "This worker uses the channel %s, but the trigger tells of new jobs on %s; listening on "
        "both. Run 'pgq upgrade' with PGQUEUER_CHANNEL=%s, or name the same channel everywhere",
        own,
        announced,
        own,
    )
    return [own, Channel(announced)]


class QueueListener:
    """Listens for as long as the worker runs.

    `healthy` tells whether notifications can be relied on; while it is false the worker polls.
    Any notification proves the listener, so a busy channel needs no checks. Behind a pooler none
    does: the one that came may have been sent over the same server connection by chance.
    """

    def __init__(
        self,
        queries: RepositoryPort,
        channels: Sequence[Channel],
        contexts: MutableMapping[JobId, Context],
        pending: MutableMapping[HealthCheckId, asyncio.Future[HealthCheckEvent]],
        on_change: Callable[[], None],
        observers: Observers | None = None,
        *,
        behind_pooler: bool = False,
    ) -> None:
        self._queries = queries
        self._channels = channels
        self._pending = pending
        self._on_change = on_change
        self._observers = observers or Observers()
        self._route: EventRouter = default_event_router(
            notice_event_queue=PGNoticeEventListener(),
            canceled=contexts,
            pending_health_check=pending,
        )
        self._callback = notice_callback(self._heard, on_operation=self._changed)
        self._last_heard = 0.0
        self._behind_pooler = behind_pooler
        self.healthy = not behind_pooler

    def _changed(self, operation: str) -> None:
        self._last_heard = asyncio.get_running_loop().time()
        if operation != "delete":
            self._on_change()

    def _heard(self, event: AnyEvent) -> None:
        self._last_heard = asyncio.get_running_loop().time()
        self._route(event)

    async def start(self) -> None:
        """Begin to listen; where that fails, the worker starts all the same and polls."""
        driver = self._queries.driver
        if isinstance(driver, ListeningWatcher):
            driver.watch_listening(self._connection_changed)
        if self._behind_pooler:
            logger.warning(
                "A pooler is between this worker and the database and may not pass notifications "
                "on; the worker looks for work every second. Give it a direct connection"
            )
            self._observers.tell(ListenerChanged(healthy=False))
        try:
            await self._listen()
        except Exception as error:  # polling serves meanwhile
            self._gone(error)

    async def _listen(self) -> None:
        with statements_within(self._queries.qbe.settings.statement_timeout):
            for channel in self._channels:
                await self._queries.driver.add_listener(channel, self._callback)

    def _connection_changed(self, listening: bool) -> None:
        if listening:
            self._back()
        else:
            self._gone(ConnectionError("the connection was lost"))

    async def stop(self) -> None:
        """Stop listening, where the driver can, for good."""
        driver = self._queries.driver
        if isinstance(driver, ListeningWatcher):
            driver.unwatch_listening(self._connection_changed)
        await self._remove()

    async def _remove(self) -> None:
        driver = self._queries.driver
        if isinstance(driver, ListenerRemover):
            try:
                with statements_within(self._queries.qbe.settings.statement_timeout):
                    for channel in self._channels:
                        await driver.remove_listener(channel, self._callback)
            except Exception:
                logger.warning("The listener could not be removed", exc_info=True)

    async def watch(self, raise_on_failure: bool) -> None:
        """Check for ever and listen anew after a failure.

        Raises FailingListenerError at the first failure if `raise_on_failure`.
        """
        if self._behind_pooler and not raise_on_failure:
            await asyncio.Event().wait()
        backoff = Backoff(first=1.0, longest=CHECK_INTERVAL)
        pause = FIRST_CHECK
        while True:
            await asyncio.sleep(jittered(pause) if self.healthy else backoff.next_delay())
            pause = CHECK_INTERVAL
            if self._heard_lately():
                continue
            try:
                if not self.healthy:
                    await self._remove()
                    await self._listen()
                await check_listener(self._queries, self._pending, CHECK_TIMEOUT)
            except Exception as error:
                if raise_on_failure:
                    raise FailingListenerError(str(error)) from error
                self._gone(error)
            else:
                self._back()
                backoff.reset()

    def _heard_lately(self) -> bool:
        silence = asyncio.get_running_loop().time() - self._last_heard
        return self.healthy and self._last_heard > 0 and silence < CHECK_INTERVAL

    def _gone(self, error: Exception) -> None:
        if self.healthy:
            channel = self._channels[0]
            logger.warning("The listener on %s is gone, polling meanwhile: %s", channel, error)
            self._observers.tell(ListenerChanged(healthy=False))
        self.healthy = False
        self._on_change()

    def _back(self) -> None:
        if self._behind_pooler:
            return
        if not self.healthy:
            logger.info("The listener on %s is back", self._channels[0])
            self._observers.tell(ListenerChanged(healthy=True))
            self._on_change()
        self.healthy = True
