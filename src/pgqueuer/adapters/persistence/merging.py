"""Calls of `enqueue` that would wait for each other's commit share one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pgqueuer.adapters.persistence.enqueue import EnqueueCall
from pgqueuer.adapters.persistence.query_helpers import NormedEnqueueParam
from pgqueuer.adapters.persistence.sqlstate import is_refusal
from pgqueuer.domain.types import JobId

Ids = list[JobId | None]

PATIENCE: Final = 0.05
"""Seconds after which those who wait do so no longer: what runs may wait for somebody's lock."""

MOST_JOBS: Final = 1000

MOST_BYTES: Final = 64 * 1024
"""A larger payload goes by itself."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    planned: EnqueueCall
    ids: asyncio.Future[Ids]


class Merger:
    """Inserts single jobs, each whole or not at all, by its own error.

    PostgreSQL commits one transaction with a notification at a time, so that calls wait for each
    other anyway. One that comes alone is sent at once. While it runs others gather, and go together
    as soon as it has ended; no call waits for company. Where the database refuses jobs that went
    together, each is sent again by itself. A caller that is canceled leaves the others alone.
    """

    def __init__(self, send: Callable[[EnqueueCall], Awaitable[Ids]]) -> None:
        self._send = send
        self._running = 0
        self._waiting: list[_Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def insert(self, planned: EnqueueCall) -> Ids:
        """Insert the one job of a call without a dedupe key."""
        if self._running:
            return await self._gather(planned)
        self._running += 1
        try:
            return await self._send(planned)
        finally:
            self._ended()

    async def _gather(self, planned: EnqueueCall) -> Ids:
        waiting = _Waiting(planned, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._set_timer()
        return await waiting.ids

    def _set_timer(self) -> None:
        if self._timer is None and self._waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PATIENCE, self._send_waiting)

    def _ended(self) -> None:
        self._running -= 1
        if self._waiting and not self._running:
            self._send_waiting()

    def _send_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        waiting = [each for each in self._waiting if not each.ids.done()]
        together, self._waiting, self._timer = waiting[:MOST_JOBS], waiting[MOST_JOBS:], None
        self._set_timer()
        if not together:
            return
        self._running += 1
        task = asyncio.create_task(self._run(together))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, together: Sequence[_Waiting]) -> None:
        try:
            await self._insert_together(together)
        finally:
            for each in together:
                each.ids.cancel()  # nothing where there is an answer
            self._ended()

    async def _insert_together(self, together: Sequence[_Waiting]) -> None:
        if len(together) < 2:
            await self._insert_each(together)
            return
        try:
            ids = await self._send(_merged([each.planned for each in together]))
        except Exception as error:
            if is_refusal(error):
                await self._insert_each(together)
                return
            # Nobody knows whether it was committed: to send it again could insert it twice.
            for each in together:
                _fail(each, error)
        else:
            for each, job_id in zip(together, ids, strict=True):
                _answer(each, [job_id])

    async def _insert_each(self, waiting: Sequence[_Waiting]) -> None:
        for each in waiting:
            try:
                _answer(each, await self._send(each.planned))
            except Exception as error:
                _fail(each, error)


def is_mergeable(planned: EnqueueCall) -> bool:
    """Whether it is one job, not large, that no other can stand in the way of."""
    given = planned.params
    return (
        len(given) == 1 and not given.has_dedupe_keys and len(given.payload[0] or b"") <= MOST_BYTES
    )


def _merged(calls: Sequence[EnqueueCall]) -> EnqueueCall:
    params = NormedEnqueueParam(
        priority=[each.params.priority[0] for each in calls],
        entrypoint=[each.params.entrypoint[0] for each in calls],
        payload=[each.params.payload[0] for each in calls],
        execute_after=[each.params.execute_after[0] for each in calls],
        dedupe_key=[None] * len(calls),
        headers=[each.params.headers[0] for each in calls],
    )
    return EnqueueCall(params=params, on_conflict="raise")


def _answer(waiting: _Waiting, ids: Ids) -> None:
    if not waiting.ids.done():
        waiting.ids.set_result(ids)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.ids.done():
        waiting.ids.set_exception(error)
