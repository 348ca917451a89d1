"""Writing many small things in few statements."""

from __future__ import annotations

import asyncio
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from pgqueuer.core.backoff import Backoff, jittered
from pgqueuer.core.logconfig import logger
from pgqueuer.core.salvage import storable, write_in_parts
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId

T = TypeVar("T")

JobOutcome = tuple[Job, JOB_STATUS, TracebackRecord | None]

FLUSHES_AT_EXIT: Final = 5


@dataclass(eq=False)
class TimedOverflowBuffer(Generic[T]):
    """Collects items and hands them to `flush_items` in batches, in the order they came.

    A batch is due `timeout` (20 % more or less) after its first item, or at once when `max_size`
    items wait or `request_flush` is called. A batch that could not be written goes back to its
    place and is tried again after a growing delay; an item that the database refuses by itself
    does not hold back the others. Inside `async with` a task does this; it sleeps while there is
    nothing to write. Leaving flushes what waits, in up to five attempts; what could not be
    written even then stays in `events`.
    """

    max_size: int
    _: KW_ONLY
    timeout: timedelta = timedelta(milliseconds=100)
    events: asyncio.Queue[T] = field(default_factory=asyncio.Queue, init=False, repr=False)
    shutdown: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    pending_tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    _entered: bool = field(default=False, init=False, repr=False)
    _filled: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    _urgent: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    _resumed: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    _backoff: Backoff = field(default_factory=Backoff, init=False, repr=False)
    _retry_in: float = field(default=0.0, init=False, repr=False)
    _added: int = field(default=0, init=False, repr=False)
    _written: int = field(default=0, init=False, repr=False)
    _drains: list[tuple[int, asyncio.Future[None]]] = field(
        default_factory=list, init=False, repr=False
    )

    async def flush_items(self, items: list[T]) -> None:
        """Write `items`, never empty; override it. Raise to have them tried again.

        It is never called twice at a time. It may see items again after a failure or a
        cancellation, in part too.
        """
        raise NotImplementedError(f"{type(self).__name__} must override flush_items()")

    def replace_refused(self, item: T, error: Exception) -> T | None:
        """What to write instead of `item`, which the database refuses by itself.

        None drops it. The item itself, the default, keeps it for the next batches.
        """
        return item

    async def add(self, item: T) -> None:
        """The same as `add_nowait`."""
        self.add_nowait(item)

    def add_nowait(self, item: T) -> None:
        """Take `item`; cheap enough for every job of a busy worker."""
        self.events.put_nowait(item)
        self._added += 1
        if self.events.qsize() >= self.max_size:
            self.request_flush()
        elif not self._filled.is_set():
            self._filled.set()

    def request_flush(self) -> None:
        """Have what waits written now, without waiting for it.

        After a failure the next attempt still comes after its delay.
        """
        self._filled.set()
        self._urgent.set()
        if not self._entered:
            self._spawn_flush()

    def _spawn_flush(self) -> None:
        task = asyncio.create_task(self.flush())
        self.pending_tasks.add(task)
        task.add_done_callback(self.pending_tasks.discard)

    async def drain(self) -> None:
        """Return once everything added before the call is written or dropped.

        It waits as long as the database stays away, so use it inside `async with`, and with a
        time limit where that matters.
        """
        if self._written < self._added:
            waiter = asyncio.get_running_loop().create_future()
            self._drains.append((self._added, waiter))
            self.request_flush()
            await waiter

    async def flush(self) -> None:
        """Try once to write what waits. A failure is logged, not raised, and keeps the items."""
        async with self.lock:
            self._filled.clear()
            self._urgent.clear()
            if self.events.empty():
                self._mark_written(self._added)
                return
            last, items = self._added, self._take()
            left, failed = items, True
            try:
                left, failed = await write_in_parts(self.flush_items, items, self.replace_refused)
            finally:
                self._put_back(left)
                self._set_pace(failed)
            if not left:
                self._mark_written(last)

    def _take(self) -> list[T]:
        return [self.events.get_nowait() for _ in range(self.events.qsize())]

    def _put_back(self, left: list[T]) -> None:
        if left:
            for item in left + self._take():
                self.events.put_nowait(item)

    def _set_pace(self, failed: bool) -> None:
        if failed:
            self._filled.set()
            self._retry_in = self._backoff.next_delay()
        else:
            self._backoff.reset()
            self._retry_in = 0.0
            self._resumed.set()

    def _mark_written(self, last: int) -> None:
        self._written = last
        for target, waiter in self._drains:
            if target <= last and not waiter.done():
                waiter.set_result(None)
        self._drains = [drain for drain in self._drains if not drain[1].done()]

    async def __aenter__(self) -> Self:
        self.shutdown.clear()
        self._entered = True
        flusher = asyncio.create_task(self._flush_when_due())
        self.pending_tasks.add(flusher)
        flusher.add_done_callback(self.pending_tasks.discard)
        return self

    async def _flush_when_due(self) -> None:
        while not self.shutdown.is_set():
            await self._filled.wait()
            if self.shutdown.is_set():
                break
            if self._retry_in:
                self._resumed.clear()
                await _wait(self._resumed, self._retry_in)
            else:
                await _wait(self._urgent, jittered(self.timeout.total_seconds()))
            try:
                await self.flush()
            except Exception:
                logger.exception("Flushing %s failed; trying again", type(self).__name__)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown.set()
        self._entered = False
        for event in (self._filled, self._urgent, self._resumed):
            event.set()
        await self._finish_tasks()
        await self._flush_finally()

    async def _finish_tasks(self) -> None:
        """Let a write that is under way end, unless the caller is canceled."""
        tasks = set(self.pending_tasks)
        try:
            if tasks:
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            raise

    async def _flush_finally(self) -> None:
        self._backoff.reset()
        for attempt in range(1, FLUSHES_AT_EXIT + 1):
            await self.flush()
            if self.events.empty():
                return
            if attempt < FLUSHES_AT_EXIT:
                await asyncio.sleep(self._retry_in)
        logger.error("%s gives up on %d item(s)", type(self).__name__, self.events.qsize())


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set or `seconds` have passed."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


class JobLogSink(Protocol):
    """Writes outcomes of jobs."""

    async def log_jobs(self, job_status: list[JobOutcome]) -> None: ...


class HeartbeatSink(Protocol):
    """Writes heartbeats of jobs."""

    async def update_heartbeat(self, job_ids: list[JobId]) -> None: ...


@dataclass(eq=False)
class JobStatusLogBuffer(TimedOverflowBuffer[JobOutcome]):
    """Collects outcomes for `repository.log_jobs`.

    A traceback that PostgreSQL can not store is cleaned rather than lost.
    """

    repository: JobLogSink

    async def flush_items(self, items: list[JobOutcome]) -> None:
        await self.repository.log_jobs(items)

    def replace_refused(self, item: JobOutcome, error: Exception) -> JobOutcome:
        job, status, record = item
        return item if record is None else (job, status, storable(record))


@dataclass(eq=False)
class HeartbeatBuffer(TimedOverflowBuffer[JobId]):
    """Collects heartbeats for `repository.update_heartbeat`."""

    repository: HeartbeatSink

    async def flush_items(self, items: list[JobId]) -> None:
        await self.repository.update_heartbeat(items)
