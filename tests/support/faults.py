"""Breaks the n-th call of a driver or a store, in one of the ways in which calls break."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

DRIVER_CALLS = ("fetch", "execute", "notify", "add_listener", "remove_listener", "copy_rows")
STORE_CALLS = (
    "claim",
    "settle",
    "keep_leases",
    "reap",
    "recover_claims",
    "outlook",
    "queued_work",
    "notify_work",
    "notify_health_check",
    "aggregate_logs",
    "trigger_channel",
    "prune_log_step",
    "prune_statistics_step",
)


class ServerRefused(Exception):
    """An error that the server answered with; nothing of the statement was done."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"the server answered with {sqlstate}")
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class Fault:
    """What happens to one call: something before it, instead of it, or after it was done."""

    name: str
    before: Callable[[], Exception] | None = None
    after: Callable[[], Exception] | None = None
    delay: float = 0.0
    disconnects: bool = False


REFUSED = Fault("refused", before=lambda: ConnectionError("the connection was lost"))
LOST_ANSWER = Fault("lost-answer", after=lambda: ConnectionError("the answer was lost"))
SERIALIZATION = Fault("serialization", before=lambda: ServerRefused("40001"))
DEADLOCK = Fault("deadlock", before=lambda: ServerRefused("40P01"))
SHUTDOWN = Fault("admin-shutdown", before=lambda: ServerRefused("57P01"))
LATE = Fault("late", delay=0.5)
LATE_AND_LOST = Fault(
    "late-and-lost", delay=0.3, after=lambda: ConnectionError("the answer was lost")
)
SUSPENDED = Fault("suspended")
"""Waits before and after the call, so that it may be canceled there."""
DISCONNECT = Fault(
    "disconnect", after=lambda: ConnectionError("the connection was cut"), disconnects=True
)

PASSING = (REFUSED, LOST_ANSWER, SERIALIZATION, DEADLOCK, SHUTDOWN, LATE, LATE_AND_LOST)
"""Faults after which the same connection serves again."""


@dataclass
class Faults:
    """Counts the calls and breaks `length` of them from number `at` on; None breaks none.

    `trace` has the calls in their order, `hit` the names of those that were broken.
    """

    at: int | None = None
    fault: Fault = REFUSED
    length: int = 1
    disconnect: Callable[[], Awaitable[object]] | None = None
    calls: int = field(default=0, init=False)
    trace: list[str] = field(default_factory=list, init=False)
    hit: list[str] = field(default_factory=list, init=False)
    armed: bool = field(default=False, init=False)

    def within(self, target: Any, names: tuple[str, ...]) -> None:
        """Break the methods of this object; what it lacks is left out."""
        for name in names:
            method = getattr(target, name, None)
            if method is not None:
                setattr(target, name, self._broken(name, method))

    def _broken(
        self, name: str, method: Callable[..., Awaitable[object]]
    ) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **kwargs: object) -> object:
            number = self.calls
            self.calls += 1
            self.trace.append(f"{name} {args[0] if args else ''}"[:400])
            if self.at is None or not self.at <= number < self.at + self.length:
                return await method(*args, **kwargs)
            self.hit.append(name)
            return await self._break(lambda: method(*args, **kwargs))

        return call

    async def _break(self, call: Callable[[], Awaitable[object]]) -> object:
        if self.fault.before is not None:
            raise self.fault.before()
        await asyncio.sleep(0)
        done = await call()
        await asyncio.sleep(self.fault.delay)
        if self.fault.disconnects and self.disconnect is not None:
            await self.disconnect()
        if self.fault.after is not None:
            raise self.fault.after()
        return done


class CanceledAt:
    """Awaits `work` and cancels it where it waits for the n-th time; `waits` counts them."""

    def __init__(self, work: Coroutine[Any, Any, None], at: int | None) -> None:
        self._work = work
        self._at = at
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        send: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            try:
                waited_for = send()
            except StopIteration:
                return
            if self.waits == self._at:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            self.waits += 1
            try:
                answer = yield waited_for
            except BaseException as error:  # the cancellation goes where the work waits
                send = _throwing(steps, error)
            else:
                send = _sending(steps, answer)


def _throwing(steps: Generator[Any, Any, None], error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


def _sending(steps: Generator[Any, Any, None], answer: object) -> Callable[[], Any]:
    return lambda: steps.send(answer)
