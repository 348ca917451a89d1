from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta

import pytest

from pgqueuer.core.buffers import (
    HeartbeatBuffer,
    JobOutcome,
    JobStatusLogBuffer,
    TimedOverflowBuffer,
)
from pgqueuer.domain.models import Job, TracebackRecord, utc_now
from pgqueuer.domain.types import JobId, QueueEntrypoint
from tests.support.kernel import until

NEVER = timedelta(hours=1)
SOON = timedelta(milliseconds=5)


class Recording(TimedOverflowBuffer[int]):
    """Keeps its batches; fails `failures` times first, and blocks while `gate` is closed."""

    def __init__(self, max_size: int = 1_000, timeout: timedelta = NEVER) -> None:
        super().__init__(max_size, timeout=timeout)
        self.batches: list[list[int]] = []
        self.attempts = 0
        self.failures = 0
        self.writing = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def flush_items(self, items: list[int]) -> None:
        self.attempts += 1
        self.writing += 1
        assert self.writing == 1, "two writes at a time"
        try:
            await self.gate.wait()
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no database")
            self.batches.append(items)
        finally:
            self.writing -= 1

    @property
    def written(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


async def test_items_are_written_in_one_batch_after_the_timeout() -> None:
    async with Recording(timeout=SOON) as buffer:
        for item in range(10):
            await buffer.add(item)
        await until(lambda: buffer.written == list(range(10)))
    assert len(buffer.batches) == 1


async def test_a_full_buffer_does_not_wait_for_the_timeout() -> None:
    async with Recording(max_size=3) as buffer:
        buffer.add_nowait(1)
        buffer.add_nowait(2)
        assert not buffer.events.empty()
        buffer.add_nowait(3)
        await until(lambda: buffer.batches == [[1, 2, 3]])


async def test_a_requested_flush_does_not_wait_for_the_timeout() -> None:
    async with Recording() as buffer:
        buffer.add_nowait(1)
        buffer.request_flush()
        await until(lambda: buffer.batches == [[1]])


async def test_a_request_during_a_write_covers_what_was_added_meanwhile() -> None:
    async with Recording() as buffer:
        buffer.gate.clear()
        buffer.add_nowait(1)
        buffer.request_flush()
        await until(lambda: buffer.writing == 1)
        buffer.add_nowait(2)
        buffer.request_flush()
        buffer.gate.set()
        await until(lambda: buffer.batches == [[1], [2]])


async def test_nothing_to_write_means_no_write_and_no_timer() -> None:
    loop = asyncio.get_running_loop()
    timers: list[float] = []
    original = loop.call_at

    def count(when: float, *args: object, **options: object) -> asyncio.TimerHandle:
        timers.append(when)
        return original(when, *args, **options)  # type: ignore[arg-type]

    async with Recording(timeout=timedelta(microseconds=1)) as buffer:
        loop.call_at = count  # type: ignore[method-assign]
        for _ in range(200):
            await asyncio.sleep(0)
        loop.call_at = original  # type: ignore[method-assign]
        assert timers == []
    assert buffer.attempts == 0


async def test_outside_of_the_context_a_full_buffer_schedules_a_flush() -> None:
    buffer = Recording(max_size=2)
    await buffer.add(1)
    assert not buffer.pending_tasks
    await buffer.add(2)
    assert buffer.pending_tasks
    await until(lambda: buffer.batches == [[1, 2]])
    await until(lambda: not buffer.pending_tasks)


async def test_flush_drains_everything() -> None:
    buffer = Recording()
    for item in range(5):
        await buffer.add(item)
    await buffer.flush()
    assert buffer.batches == [list(range(5))]
    assert buffer.events.empty()


async def test_flush_of_an_empty_buffer_writes_nothing() -> None:
    buffer = Recording()
    await buffer.flush()
    assert buffer.attempts == 0


async def test_a_failed_flush_is_logged_and_keeps_order(caplog: pytest.LogCaptureFixture) -> None:
    buffer = Recording()
    buffer.failures = 1
    buffer.gate.clear()
    buffer.add_nowait(1)
    buffer.add_nowait(2)
    flush = asyncio.create_task(buffer.flush())
    await until(lambda: buffer.writing == 1)
    buffer.add_nowait(3)
    buffer.gate.set()
    await flush
    assert buffer.batches == []
    assert "no database" in caplog.text
    await buffer.flush()
    assert buffer.batches == [[1, 2, 3]]


async def test_a_failed_flush_is_tried_again_without_new_items() -> None:
    async with Recording(timeout=SOON) as buffer:
        buffer.failures = 2
        buffer.add_nowait(1)
        await until(lambda: buffer.batches == [[1]])
    assert buffer.attempts == 3


async def test_requests_do_not_hammer_a_database_that_is_away() -> None:
    async with Recording() as buffer:
        buffer.failures = 1
        buffer.add_nowait(1)
        buffer.request_flush()
        await until(lambda: buffer.attempts == 1)
        for _ in range(100):
            buffer.request_flush()
            await asyncio.sleep(0)
        assert buffer.attempts == 1
        await until(lambda: buffer.batches == [[1]])


async def test_a_flush_that_succeeds_ends_the_delay_after_a_failure() -> None:
    async with Recording(timeout=SOON) as buffer:
        buffer._backoff.first = buffer._backoff.longest = 3600.0
        buffer.failures = 1
        buffer.add_nowait(1)
        await until(lambda: buffer.attempts == 1)
        await buffer.flush()
        buffer.add_nowait(2)
        await until(lambda: buffer.batches == [[1], [2]])


async def test_a_canceled_flush_keeps_its_items() -> None:
    buffer = Recording()
    buffer.gate.clear()
    buffer.add_nowait(1)
    flush = asyncio.create_task(buffer.flush())
    await until(lambda: buffer.writing == 1)
    buffer.add_nowait(2)
    flush.cancel()
    await asyncio.wait({flush})
    buffer.gate.set()
    await buffer.flush()
    assert buffer.batches == [[1, 2]]


async def test_leaving_writes_what_is_left() -> None:
    async with Recording() as buffer:
        buffer.add_nowait(1)
    assert buffer.batches == [[1]]
    assert buffer.shutdown.is_set()
    assert not buffer.pending_tasks


async def test_leaving_by_an_exception_writes_too() -> None:
    buffer = Recording()

    async def fail() -> None:
        async with buffer:
            buffer.add_nowait(1)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert buffer.batches == [[1]]


async def test_leaving_waits_for_a_write_that_is_under_way() -> None:
    buffer = Recording()
    async with buffer:
        buffer.gate.clear()
        buffer.add_nowait(1)
        buffer.request_flush()
        await until(lambda: buffer.writing == 1)
        asyncio.get_running_loop().call_soon(buffer.gate.set)
    assert buffer.batches == [[1]]
    assert buffer.attempts == 1


async def test_leaving_tries_five_times_and_keeps_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    buffer = Recording()
    buffer._backoff.first = 0.001
    buffer.failures = 100
    async with buffer:
        buffer.add_nowait(1)
        buffer.add_nowait(2)
    assert buffer.attempts == 5
    assert [buffer.events.get_nowait(), buffer.events.get_nowait()] == [1, 2]
    assert "gives up on 2 item(s)" in caplog.text


async def test_leaving_comes_through_after_four_failures() -> None:
    buffer = Recording()
    buffer._backoff.first = 0.001
    buffer.failures = 4
    async with buffer:
        buffer.add_nowait(1)
    assert buffer.batches == [[1]]


async def test_a_canceled_exit_keeps_the_items() -> None:
    buffer = Recording()

    async def use() -> None:
        async with buffer:
            buffer.gate.clear()
            buffer.add_nowait(1)
            buffer.request_flush()
            await until(lambda: buffer.writing == 1)

    task = asyncio.create_task(use())
    await until(buffer.shutdown.is_set)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await until(lambda: not buffer.pending_tasks)
    assert buffer.events.qsize() == 1


async def test_it_can_be_entered_again() -> None:
    buffer = Recording(timeout=SOON)
    for item in (1, 2):
        async with buffer:
            buffer.add_nowait(item)
            await until(lambda item=item: buffer.written[-1:] == [item])


async def test_drain_returns_when_everything_added_before_is_written() -> None:
    async with Recording() as buffer:
        buffer.gate.clear()
        buffer.add_nowait(1)
        drain = asyncio.create_task(buffer.drain())
        await until(lambda: buffer.writing == 1)
        buffer.add_nowait(2)
        assert not drain.done()
        buffer.gate.set()
        await drain
        assert buffer.batches == [[1]]
        assert buffer.events.qsize() == 1


async def test_drain_waits_through_failures() -> None:
    async with Recording() as buffer:
        buffer.failures = 2
        buffer.add_nowait(1)
        await buffer.drain()
        assert buffer.batches == [[1]]


async def test_drain_of_an_empty_buffer_returns_at_once() -> None:
    buffer = Recording()
    await buffer.drain()
    buffer.add_nowait(1)
    buffer.events.get_nowait()
    await buffer.drain()
    assert buffer.attempts == 0


async def test_concurrent_adds_and_flushes_keep_order_and_lose_nothing() -> None:
    rng = random.Random(7)

    class Flaky(Recording):
        async def flush_items(self, items: list[int]) -> None:
            await asyncio.sleep(0)
            if rng.random() < 0.3:
                raise ConnectionError("flaky")
            await super().flush_items(items)

    buffer = Flaky(max_size=7, timeout=timedelta(microseconds=1))
    buffer._backoff.first = buffer._backoff.longest = 0.0001

    async def flush_now_and_then() -> None:
        while not buffer.shutdown.is_set():
            await buffer.flush()
            await asyncio.sleep(0)

    flusher = asyncio.create_task(flush_now_and_then())
    async with buffer:
        for item in range(500):
            buffer.add_nowait(item)
            if rng.random() < 0.5:
                await asyncio.sleep(0)
        await buffer.drain()
    await flusher
    assert buffer.written == list(range(500))


async def test_flush_items_must_be_overridden() -> None:
    with pytest.raises(NotImplementedError, match="flush_items"):
        await TimedOverflowBuffer[int](1).flush_items([1])


def test_callbacks_are_not_accepted() -> None:
    with pytest.raises(TypeError):
        TimedOverflowBuffer(1, callback=print)  # type: ignore[call-arg]


async def test_a_dataclass_may_extend_it() -> None:
    @dataclass
    class Sink(TimedOverflowBuffer[str]):
        target: list[str]

        async def flush_items(self, items: list[str]) -> None:
            self.target += items

    target: list[str] = []
    async with Sink(10, target, timeout=NEVER) as buffer:
        await buffer.add("x")
    assert target == ["x"]


class Refused(Exception):
    sqlstate = "22P05"


class Picky(Recording):
    async def flush_items(self, items: list[int]) -> None:
        if 13 in items:
            raise Refused
        await super().flush_items(items)


async def test_a_refused_item_does_not_hold_back_others_nor_later_ones() -> None:
    buffer = Picky(timeout=SOON)
    async with buffer:
        for item in (1, 13, 2):
            buffer.add_nowait(item)
        await until(lambda: buffer.written == [1, 2])
        buffer.add_nowait(3)
        await until(lambda: buffer.written == [1, 2, 3])
    assert buffer.events.get_nowait() == 13


class LogSink:
    def __init__(self) -> None:
        self.logged: list[JobOutcome] = []

    async def log_jobs(self, job_status: list[JobOutcome]) -> None:
        if any(record and "\0" in record.exception_message for _, _, record in job_status):
            raise Refused
        self.logged += job_status


def job(number: int) -> Job:
    now = utc_now()
    return Job(
        id=JobId(number),
        priority=0,
        created=now,
        updated=now,
        heartbeat=now,
        execute_after=now,
        status="picked",
        entrypoint=QueueEntrypoint("e"),
        payload=None,
        queue_manager_id=None,
    )


async def test_outcomes_go_to_the_log() -> None:
    sink = LogSink()
    async with JobStatusLogBuffer(10, sink, timeout=NEVER) as buffer:
        await buffer.add((job(1), "successful", None))
    assert [(each.id, status) for each, status, _ in sink.logged] == [(1, "successful")]


async def test_a_traceback_that_can_not_be_stored_is_cleaned() -> None:
    sink = LogSink()
    record = TracebackRecord.from_exception(ValueError("a\0b"), JobId(2))
    async with JobStatusLogBuffer(max_size=10, repository=sink) as buffer:
        await buffer.add((job(1), "successful", None))
        await buffer.add((job(2), "exception", record))
    assert [each.id for each, _, _ in sink.logged] == [1, 2]
    assert sink.logged[1][2] is not None
    assert sink.logged[1][2].exception_message == "a\\x00b"


async def test_heartbeats_go_to_the_queue() -> None:
    class Sink:
        beats: list[JobId]

        async def update_heartbeat(self, job_ids: list[JobId]) -> None:
            self.beats = job_ids

    sink = Sink()
    async with HeartbeatBuffer(10, sink, timeout=NEVER) as buffer:
        await buffer.add(JobId(1))
    assert sink.beats == [1]
