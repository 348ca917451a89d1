"""From notifications on the channel to calls of handlers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import (
    AnyEvent,
    CancellationEvent,
    Context,
    HealthCheckEvent,
    TableChangedEvent,
)
from pgqueuer.domain.types import Channel, HealthCheckId, JobId
from pgqueuer.ports.driver import Driver, NotifyCallback

REASONS_TOLD: Final = 5
SECONDS_BETWEEN_COMPLAINTS: Final = 10.0

EventCallback = Callable[[AnyEvent], None]

# Quotes inside a JSON string are escaped, so only a real key and its value can match.
_TABLE_CHANGED: Final = re.compile(r'"type"\s*:\s*"table_changed_event"')
_OPERATION: Final = re.compile(r'"operation"\s*:\s*"(\w+)"')


class PGNoticeEventListener(asyncio.Queue[TableChangedEvent]):
    """Changes of the queue that nobody has looked at yet."""


@dataclass
class EventRouter:
    """Hands each event to the handler of its type."""

    on_table_changed: Callable[[TableChangedEvent], None]
    on_cancellation: Callable[[CancellationEvent], None]
    on_health_check: Callable[[HealthCheckEvent], None]

    def __call__(self, event: AnyEvent) -> None:
        match event.root:
            case TableChangedEvent() as table_changed:
                self.on_table_changed(table_changed)
            case CancellationEvent() as cancellation:
                self.on_cancellation(cancellation)
            case HealthCheckEvent() as health_check:
                self.on_health_check(health_check)


def default_event_router(
    *,
    notice_event_queue: PGNoticeEventListener,
    canceled: MutableMapping[JobId, Context],
    pending_health_check: MutableMapping[HealthCheckId, asyncio.Future[HealthCheckEvent]],
) -> EventRouter:
    """A router that queues changes, cancels running jobs and answers health checks.

    Ids that are not in the mappings belong to other workers and are passed over.
    """

    def cancel_running(event: CancellationEvent) -> None:
        for job_id in event.ids:
            if (context := canceled.get(job_id)) is not None:
                context.cancel()

    def answer(event: HealthCheckEvent) -> None:
        waiter = pending_health_check.get(event.id)
        if waiter is not None and not waiter.done():
            waiter.set_result(event)

    return EventRouter(
        on_table_changed=notice_event_queue.put_nowait,
        on_cancellation=cancel_running,
        on_health_check=answer,
    )


async def initialize_notice_event_listener(
    connection: Driver,
    channel: Channel,
    handler: EventCallback,
) -> None:
    """Listen on `channel` and call `handler` with each event.

    Payloads that are no event and errors of `handler` are logged, never raised.
    """
    await connection.add_listener(channel, notice_callback(handler))


def notice_callback(
    handler: EventCallback, *, on_operation: Callable[[str], None] | None = None
) -> NotifyCallback:
    """The callback for `Driver.add_listener`; keep it to remove the listener again.

    With `on_operation` a change of the queue is not made into an event: `on_operation` gets its
    operation instead. A busy worker is notified thousands of times a second and only has to know
    that there is work.
    """

    strangers = _Strangers()

    def receive(payload: str | bytes | bytearray) -> None:
        try:
            if on_operation is not None and (operation := _changed_operation(payload)):
                on_operation(operation)
            elif (event := _parse(payload, strangers)) is not None:
                handler(event)
        except Exception:
            logger.critical("The handler of a notification failed", exc_info=True)

    return receive


def _changed_operation(payload: str | bytes | bytearray) -> str | None:
    text = payload if isinstance(payload, str) else payload.decode(errors="replace")
    if _TABLE_CHANGED.search(text) is None:
        return None
    operation = _OPERATION.search(text)
    return operation.group(1) if operation else None


class _Strangers:
    """Tells of payloads that are no event, as anyone may send as many as he likes."""

    def __init__(self) -> None:
        self._next = 0.0
        self._untold = 0

    def tell(self, error: ValidationError) -> None:
        """Log it, without the payload, which may be anyone's data; at most once in a while."""
        if (now := time.monotonic()) < self._next:
            self._untold += 1
            return
        details = error.errors(include_input=False, include_url=False, include_context=False)
        reasons = [
            f"{'.'.join(map(str, detail['loc']))} {detail['type']}".strip()
            for detail in details[:REASONS_TOLD]
        ]
        more = f" ({self._untold} more since the last time)" if self._untold else ""
        logger.critical("Ignoring a notification that is no event: %s%s", "; ".join(reasons), more)
        self._next, self._untold = now + SECONDS_BETWEEN_COMPLAINTS, 0


def _parse(payload: str | bytes | bytearray, strangers: _Strangers) -> AnyEvent | None:
    try:
        return AnyEvent.model_validate_json(payload)
    except ValidationError as error:
        strangers.tell(error)
    return None


def wait_for_notice_event(
    queue: PGNoticeEventListener, timeout: timedelta
) -> asyncio.Task[TableChangedEvent | None]:
    """A task that ends with the next change, or with None when none came within `timeout`."""
    return asyncio.create_task(_next_event(queue, timeout))


async def _next_event(queue: PGNoticeEventListener, timeout: timedelta) -> TableChangedEvent | None:
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await queue.get()
    except TimeoutError:
        return None
