from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pgqueuer.core.heartbeat import Heartbeat
from pgqueuer.domain.types import JobId
from tests.support.kernel import until

TICK = timedelta(milliseconds=1)


class Beats:
    def __init__(self) -> None:
        self.items: list[JobId] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def add(self, item: JobId) -> None:
        self.items.append(item)
        await self.gate.wait()
        if self.error is not None:
            raise self.error


async def test_it_beats_until_the_block_is_left() -> None:
    beats = Beats()
    async with Heartbeat(JobId(7), TICK, beats) as heartbeat:
        await until(lambda: len(beats.items) >= 3)
    assert set(beats.items) == {7}
    assert heartbeat._task is not None
    assert heartbeat._task.done()


async def test_the_first_beat_comes_after_one_interval() -> None:
    beats = Beats()
    async with Heartbeat(JobId(7), timedelta(hours=1), beats) as heartbeat:
        assert heartbeat._timer is not None
        assert heartbeat._timer.when() > asyncio.get_running_loop().time() + 3_000
    assert heartbeat._timer.cancelled()
    assert beats.items == []


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-1)])
async def test_no_interval_means_no_beats(interval: timedelta) -> None:
    async with Heartbeat(JobId(7), interval, Beats()) as heartbeat:
        assert heartbeat._timer is None


async def test_a_failed_beat_is_logged_and_the_next_one_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    beats = Beats()
    beats.error = OSError("full")
    async with Heartbeat(JobId(7), TICK, beats):
        await until(lambda: len(beats.items) >= 2)
    assert "Heartbeat of job 7 failed" in caplog.text
    assert "full" in caplog.text


async def test_a_cancellation_during_the_exit_reaches_the_caller() -> None:
    class Stubborn(Beats):
        async def add(self, item: JobId) -> None:
            self.items.append(item)
            try:
                await asyncio.Event().wait()
            finally:
                await self.gate.wait()

    beats = Stubborn()
    beats.gate.clear()
    leaving = asyncio.Event()

    async def work() -> None:
        async with Heartbeat(JobId(7), TICK, beats):
            await until(lambda: bool(beats.items))
            leaving.set()

    task = asyncio.create_task(work())
    await leaving.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    beats.gate.set()
