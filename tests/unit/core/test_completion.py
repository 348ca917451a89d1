from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.core.ends import IDS_PER_QUERY
from pgqueuer.domain.models import JobStatusRow
from pgqueuer.domain.settings import db_settings
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.ports.driver import NotifyCallback
from tests.support.kernel import until

NO_POLL = {"refresh_interval": None, "debounce": timedelta(0)}


class LastingDriver:
    """Listens, and can not stop listening."""

    def __init__(self) -> None:
        self.listeners: list[tuple[str, NotifyCallback]] = []

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self.listeners.append((channel, callback))

    def notify_all(self) -> None:
        for _, callback in self.listeners:
            callback("anything")


class RemovingDriver(LastingDriver):
    broken = False

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        if self.broken:
            raise ConnectionError("gone")
        self.listeners.remove((channel, callback))


class Log:
    """The newest status of each job; counts the queries."""

    def __init__(self) -> None:
        self.status: dict[JobId, JOB_STATUS] = {}
        self.queries: list[int] = []
        self.asking = 0
        self.failures = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        self.asking += 1
        assert self.asking == 1, "two status queries in flight"
        try:
            self.queries.append(len(ids))
            await self.gate.wait()
            await asyncio.sleep(0)
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no database")
            return [
                JobStatusRow(job_id=each, status=self.status[each])
                for each in ids
                if each in self.status
            ]
        finally:
            self.asking -= 1


@pytest.fixture
def log() -> Log:
    return Log()


@asynccontextmanager
async def watching(log: Log, **options: object) -> AsyncIterator[CompletionWatcher]:
    async with CompletionWatcher(RemovingDriver(), queries=log, **options) as watcher:  # type: ignore[arg-type]
        yield watcher


async def idle(log: Log) -> None:
    """Until everything that was asked has been answered."""
    await until(lambda: bool(log.queries) and not log.asking)


@pytest.mark.parametrize("status", ["successful", "exception", "canceled", "deleted"])
async def test_a_job_that_has_ended_already_resolves(log: Log, status: JOB_STATUS) -> None:
    log.status[JobId(1)] = status
    async with watching(log, **NO_POLL) as watcher:
        assert await watcher.wait_for(JobId(1)) == status


@pytest.mark.parametrize("status", ["queued", "picked", "failed"])
async def test_a_job_that_has_not_ended_resolves_when_it_does(log: Log, status: JOB_STATUS) -> None:
    log.status[JobId(1)] = status
    async with watching(log) as watcher:
        waiter = watcher.wait_for(JobId(1))
        await until(lambda: len(log.queries) >= 3)
        assert not waiter.done()
        log.status[JobId(1)] = "successful"
        assert await waiter == "successful"


async def test_an_end_is_found_without_a_notification_and_long_before_the_refresh_interval(
    log: Log,
) -> None:
    async with watching(log, refresh_interval=timedelta(hours=1)) as watcher:
        waiter = watcher.wait_for(JobId(1))
        await idle(log)
        log.status[JobId(1)] = "successful"
        assert await waiter == "successful"


async def test_without_waiters_nothing_is_asked(log: Log) -> None:
    driver = RemovingDriver()
    async with CompletionWatcher(driver, queries=log, debounce=timedelta(0)):  # type: ignore[arg-type]
        for _ in range(50):
            driver.notify_all()
            await asyncio.sleep(0)
    assert log.queries == []


async def test_polling_stops_with_the_last_waiter(log: Log) -> None:
    log.status[JobId(1)] = "successful"
    async with watching(log, refresh_interval=timedelta(microseconds=1)) as watcher:
        await watcher.wait_for(JobId(1))
        canceled = watcher.wait_for(JobId(2))
        await until(lambda: len(log.queries) >= 3)
        canceled.cancel()
        await until(lambda: not watcher.waiters)
        asked = len(log.queries)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(log.queries) == asked


async def test_without_polling_a_notification_makes_it_ask(log: Log) -> None:
    driver = RemovingDriver()
    async with CompletionWatcher(driver, queries=log, **NO_POLL) as watcher:  # type: ignore[arg-type]
        waiter = watcher.wait_for(JobId(1))
        await idle(log)
        log.status[JobId(1)] = "deleted"
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(log.queries) == 1
        driver.notify_all()
        assert await waiter == "deleted"


async def test_several_may_wait_for_one_job(log: Log) -> None:
    async with watching(log) as watcher:
        waiters = [watcher.wait_for(JobId(1)) for _ in range(3)]
        waiters.pop().cancel()
        log.status[JobId(1)] = "canceled"
        assert await asyncio.gather(*waiters) == ["canceled", "canceled"]


async def test_many_waiters_are_asked_for_in_portions_one_at_a_time(log: Log) -> None:
    ids = [JobId(number) for number in range(10_000)]
    log.status = dict.fromkeys(ids, "successful")
    async with watching(log) as watcher:
        waiters = [watcher.wait_for(each) for each in ids]
        assert set(await asyncio.gather(*waiters)) == {"successful"}
    assert log.queries == [IDS_PER_QUERY] * 10


async def test_a_failing_query_is_logged_and_tried_again(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.failures = 2
    log.status[JobId(1)] = "successful"
    async with watching(log, **NO_POLL) as watcher:
        assert await watcher.wait_for(JobId(1)) == "successful"
    assert caplog.text.count("could not be read") == 2


async def test_leaving_waits_for_every_waiter(log: Log) -> None:
    async with watching(log) as watcher:
        first, second = watcher.wait_for(JobId(1)), watcher.wait_for(JobId(2))
        first.add_done_callback(lambda _: log.status.update({JobId(2): "successful"}))
        log.status[JobId(1)] = "successful"
    assert (first.result(), second.result()) == ("successful", "successful")


async def test_a_canceled_waiter_never_raises_out_of_the_block(log: Log) -> None:
    async with watching(log) as watcher:
        watcher.wait_for(JobId(1)).cancel()


async def test_a_waiter_canceled_while_leaving_does_not_raise_either(log: Log) -> None:
    async with watching(log) as watcher:
        waiter = watcher.wait_for(JobId(1))
        asyncio.get_running_loop().call_later(0.01, waiter.cancel)
    assert waiter.cancelled()


async def test_leaving_gives_up_after_its_timeout(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(log, exit_timeout=timedelta(milliseconds=1)) as watcher:
        waiter = watcher.wait_for(JobId(1))
    assert waiter.cancelled()
    assert "1 job(s) have not ended" in caplog.text


async def test_leaving_by_an_exception_cancels_what_is_unresolved(log: Log) -> None:
    log.gate.clear()
    waiters = []

    async def fail() -> None:
        async with watching(log) as watcher:
            waiters.append(watcher.wait_for(JobId(1)))
            await until(lambda: log.asking == 1)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert waiters[0].cancelled()


@pytest.mark.parametrize("leaving", [False, True])
async def test_a_cancellation_leaves_at_once(log: Log, leaving: bool) -> None:
    driver = RemovingDriver()
    waiters = []

    async def watch() -> None:
        async with CompletionWatcher(driver, queries=log) as watcher:  # type: ignore[arg-type]
            waiters.append(watcher.wait_for(JobId(1)))
            await idle(log)
            if not leaving:
                await waiters[0]

    task = asyncio.create_task(watch())
    await until(lambda: len(log.queries) >= 2)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert waiters[0].cancelled()
    assert driver.listeners == []


async def test_the_listener_is_removed_where_the_driver_can(log: Log) -> None:
    for driver, left in ((RemovingDriver(), 0), (LastingDriver(), 1)):
        async with CompletionWatcher(driver, queries=log) as watcher:  # type: ignore[arg-type]
            assert len(driver.listeners) == 1
        assert len(driver.listeners) == left
        assert watcher.shutdown.is_set()
        driver.notify_all()


async def test_a_listener_that_can_not_be_removed_is_logged(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    driver = RemovingDriver()
    driver.broken = True
    async with CompletionWatcher(driver, queries=log):  # type: ignore[arg-type]
        pass
    assert "stays behind" in caplog.text


async def test_it_listens_on_the_channel_of_its_queries(log: Log) -> None:
    driver = RemovingDriver()
    async with CompletionWatcher(driver, queries=log):  # type: ignore[arg-type]
        assert driver.listeners[0][0] == db_settings().channel
    log.qbe = SimpleNamespace(settings=SimpleNamespace(channel="ch_other"))  # type: ignore[attr-defined]
    async with CompletionWatcher(driver, queries=log):  # type: ignore[arg-type]
        assert driver.listeners[0][0] == "ch_other"


async def test_waiting_on_a_watcher_that_was_left_is_refused(log: Log) -> None:
    async with watching(log) as watcher:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        watcher.wait_for(JobId(1))


def test_queries_are_required() -> None:
    with pytest.raises(TypeError, match="queries"):
        CompletionWatcher(RemovingDriver())  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"refresh_interval": timedelta(0)}, "refresh_interval must be from"),
        ({"debounce": timedelta(-1)}, "debounce must be from 0"),
        ({"exit_timeout": timedelta(-1)}, "exit_timeout must be from 0"),
    ],
)
def test_durations_out_of_range_are_refused(options: dict[str, timedelta], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        CompletionWatcher(RemovingDriver(), queries=Log(), **options)
