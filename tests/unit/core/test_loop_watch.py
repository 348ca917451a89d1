"""Handlers that block the event loop are named."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pgqueuer import PgQueuer
from pgqueuer.core.loop_watch import LoopWatch
from pgqueuer.domain.settings import db_settings
from pgqueuer.models import Job, Schedule
from pgqueuer.ports.observer import LoopBlocked, WorkerEvent
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import until, working

THRESHOLD = 0.1


class Notes:
    def __init__(self) -> None:
        self.blocked: list[LoopBlocked] = []

    def observe(self, event: WorkerEvent) -> None:
        if isinstance(event, LoopBlocked):
            self.blocked.append(event)


@pytest.fixture
def pgq(monkeypatch: pytest.MonkeyPatch) -> Iterator[PgQueuer]:
    monkeypatch.setenv("PGQUEUER_LOOP_BLOCKED_AFTER", str(THRESHOLD))
    db_settings.cache_clear()
    yield PgQueuer.in_memory()
    db_settings.cache_clear()


@pytest.fixture
def notes(pgq: PgQueuer) -> Notes:
    notes = Notes()
    pgq.qm.observers.append(notes)
    return notes


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "pgqueuer")


def block(seconds: float) -> None:
    time.sleep(seconds)


async def drain(pgq: PgQueuer) -> None:
    await pgq.run(mode=QueueExecutionMode.drain)


async def test_a_handler_that_blocks_is_named_once_with_job_place_and_seconds(pgq, notes, caplog):
    @pgq.entrypoint("resize")
    async def resize(job: Job) -> None:
        block(6 * THRESHOLD)

    (job_id,) = await pgq.queries.enqueue("resize", None)
    await drain(pgq)
    begin, end = caplog.records
    assert f"job {job_id} of entrypoint resize, in block at {__file__}:" in begin.message
    assert (begin.job_id, begin.entrypoint) == (job_id, "resize")
    assert end.message.startswith("The event loop turns again; it was blocked for ")
    assert end.message.endswith(" s, by resize")
    (told,) = notes.blocked
    assert told.entrypoints == ("resize",)
    assert told.seconds >= THRESHOLD


async def test_a_line_of_the_program_is_named_rather_than_one_of_a_library(pgq, notes, caplog):
    @pgq.entrypoint("wait")
    async def wait(job: Job) -> None:
        threading.Event().wait(6 * THRESHOLD)

    await pgq.queries.enqueue("wait", None)
    await drain(pgq)
    assert f"in wait at {__file__}:" in caplog.records[0].message


async def test_what_holds_the_interpreter_is_named_afterwards(pgq, notes):
    @pgq.entrypoint("count")
    async def count(job: Job) -> None:
        numbers = 10_000_000
        # On a busy machine the watch may not have run yet when the interpreter is free again.
        while not any(told.entrypoints for told in notes.blocked):
            begun = time.monotonic()
            sum(range(numbers))
            if time.monotonic() - begun < 5 * THRESHOLD:
                numbers *= 2
            await asyncio.sleep(0)

    await pgq.queries.enqueue("count", None)
    await drain(pgq)
    assert {told.entrypoints for told in notes.blocked if told.entrypoints} == {("count",)}


async def test_a_schedule_that_blocks_is_named(pgq, notes, caplog):
    @pgq.schedule("report", "* * * * * *")
    async def report(schedule: Schedule) -> None:
        block(6 * THRESHOLD)

    async with working(pgq):
        await until(lambda: bool(notes.blocked))
    assert "schedule report, in block at" in caplog.text
    assert notes.blocked[0].entrypoints == ("report",)


async def test_handlers_that_wait_or_block_a_thread_are_fine(pgq, notes, caplog):
    pgq.queries.qbe.settings.loop_blocked_after = 1.0

    @pgq.entrypoint("sleep")
    async def sleep(job: Job) -> None:
        await asyncio.sleep(1.3)

    @pgq.entrypoint("thread", executor="thread")
    def thread(job: Job) -> None:
        time.sleep(1.3)

    await pgq.queries.enqueue(["sleep", "thread"], [None, None], [0, 0])
    await drain(pgq)
    assert not notes.blocked
    assert not caplog.records


async def test_a_threshold_of_zero_watches_nothing():
    before = threading.active_count()
    with LoopWatch(0, lambda: True, lambda seconds, names: None):
        assert threading.active_count() == before


async def test_the_thread_ends_with_the_watch():
    with LoopWatch(THRESHOLD, lambda: True, lambda seconds, names: None):
        (thread,) = (each for each in threading.enumerate() if "loop-watch" in each.name)
    thread.join(timedelta(minutes=1).total_seconds())
    assert not thread.is_alive()
