from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.cli import supervisor
from pgqueuer.adapters.cli.supervisor import run
from pgqueuer.core.sm import SchedulerManager

INSTANT = timedelta(0)
SOON = timedelta(milliseconds=1)


class Scripted(SchedulerManager):
    """A manager whose run is given by the test."""

    def __init__(self, script: Callable[[Scripted], object]) -> None:
        super().__init__(InMemoryQueries(InMemoryDriver()))
        self.script = script
        self.running = asyncio.Event()
        self.canceled = False

    async def run(self, heartbeat_timeout: timedelta = timedelta(0)) -> None:
        self.running.set()
        try:
            await self.script(self)
        except asyncio.CancelledError:
            self.canceled = True
            raise


class Factory:
    """Yields managers in order and notes what became of its contexts."""

    def __init__(self, *managers: object) -> None:
        self.managers = list(managers)
        self.entered = asyncio.Event()
        self.cleaned_up = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[object]:
        self.entered.set()
        yield self.managers.pop(0)
        self.cleaned_up += 1


async def returns(manager: Scripted) -> None:
    pass


async def until_shutdown(manager: Scripted) -> None:
    await manager.shutdown.wait()


async def forever(manager: Scripted) -> None:
    await asyncio.Event().wait()


async def fails(manager: Scripted) -> None:
    raise ConnectionError("the database went away")


async def fails_at_shutdown(manager: Scripted) -> None:
    await manager.shutdown.wait()
    raise ConnectionError("outcomes were not written")


@pytest.fixture(autouse=True)
async def bounded() -> AsyncIterator[None]:
    """A supervisor that hangs fails its test instead of the whole run."""
    async with asyncio.timeout(30):
        yield


async def test_a_manager_that_is_done_ends_the_run_and_its_factory_cleans_up():
    factory = Factory(Scripted(returns))
    await run(factory)
    assert factory.cleaned_up == 1


async def test_the_shutdown_event_of_the_caller_reaches_the_manager():
    manager, stop = Scripted(until_shutdown), asyncio.Event()
    factory = Factory(manager)
    task = asyncio.create_task(run(factory, shutdown=stop))
    await manager.running.wait()
    stop.set()
    await task
    assert factory.cleaned_up == 1
    assert not manager.canceled


async def test_with_an_event_of_the_caller_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    async def look(manager: Scripted) -> None:
        seen.append(signal.getsignal(signal.SIGTERM))

    await run(Factory(Scripted(look)), shutdown=asyncio.Event())
    assert seen == [before]


async def test_a_shutdown_that_is_already_set_starts_nothing():
    stop = asyncio.Event()
    stop.set()
    factory = Factory()
    await run(factory, shutdown=stop)
    assert not factory.entered.is_set()


async def test_an_error_is_raised():
    with pytest.raises(ConnectionError, match="went away"):
        await run(Factory(Scripted(fails)), shutdown=asyncio.Event())


async def test_restart_calls_the_factory_again_with_a_shutdown_event_of_its_own(caplog):
    seen = []

    async def shut_down_then_fail(manager: Scripted) -> None:
        manager.shutdown.set()
        raise ConnectionError("the listener is gone")

    async def look(manager: Scripted) -> None:
        seen.append(manager.shutdown.is_set())

    factory = Factory(Scripted(shut_down_then_fail), Scripted(look))
    with caplog.at_level(logging.ERROR, "pgqueuer"):
        await run(factory, shutdown=asyncio.Event(), restart_on_failure=True, restart_delay=INSTANT)
    assert seen == [False]
    assert "the listener is gone" in caplog.text


async def test_a_stop_during_the_restart_delay_ends_the_run(caplog):
    stop = asyncio.Event()
    task = asyncio.create_task(
        run(
            Factory(Scripted(fails)),
            shutdown=stop,
            restart_on_failure=True,
            restart_delay=timedelta(hours=1),
        )
    )
    while "it starts again in" not in caplog.text:
        await asyncio.sleep(0)
    stop.set()
    await task


async def test_a_worker_that_fails_while_it_stops_is_not_restarted_and_its_error_is_raised():
    stop = asyncio.Event()
    manager = Scripted(fails_at_shutdown)
    task = asyncio.create_task(
        run(Factory(manager), shutdown=stop, restart_on_failure=True, restart_delay=INSTANT)
    )
    await manager.running.wait()
    stop.set()
    with pytest.raises(ConnectionError, match="not written"):
        await task


async def test_a_negative_restart_delay_is_refused_only_with_restart_on_failure():
    await run(Factory(Scripted(returns)), restart_delay=timedelta(seconds=-1))
    with pytest.raises(ValueError, match="restart_delay must be from 0 to 604800 seconds"):
        await run(
            Factory(Scripted(returns)),
            restart_on_failure=True,
            restart_delay=timedelta(seconds=-1),
        )


async def test_after_the_shutdown_timeout_the_manager_is_canceled_and_the_run_ends_well():
    stop, manager = asyncio.Event(), Scripted(forever)
    factory = Factory(manager)
    task = asyncio.create_task(run(factory, shutdown=stop, shutdown_timeout=SOON))
    await manager.running.wait()
    stop.set()
    await task
    assert manager.canceled
    assert factory.cleaned_up == 1


async def test_without_a_shutdown_timeout_a_drain_takes_as_long_as_it_takes():
    stop, release = asyncio.Event(), asyncio.Event()

    async def drain(manager: Scripted) -> None:
        await manager.shutdown.wait()
        await release.wait()

    manager = Scripted(drain)
    task = asyncio.create_task(run(Factory(manager), shutdown=stop))
    await manager.running.wait()
    stop.set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()
    release.set()
    await task
    assert not manager.canceled


async def test_an_error_of_a_manager_that_was_cut_short_is_raised():
    stop = asyncio.Event()

    async def can_not_put_back(manager: Scripted) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("jobs could not be put back")

    manager = Scripted(can_not_put_back)
    task = asyncio.create_task(run(Factory(manager), shutdown=stop, shutdown_timeout=SOON))
    await manager.running.wait()
    stop.set()
    with pytest.raises(ConnectionError, match="could not be put back"):
        await task


async def test_a_factory_that_never_yields_is_cut_short_too():
    stop, entered = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def hangs() -> AsyncIterator[object]:
        entered.set()
        await asyncio.Event().wait()
        yield

    task = asyncio.create_task(run(hangs, shutdown=stop, shutdown_timeout=SOON))
    await entered.wait()
    stop.set()
    await task


async def test_a_timeout_of_the_manager_itself_is_its_own_error():
    async def times_out(manager: Scripted) -> None:
        raise TimeoutError("no answer")

    with pytest.raises(TimeoutError, match="no answer"):
        await run(Factory(Scripted(times_out)), shutdown=asyncio.Event(), shutdown_timeout=SOON)


async def test_canceling_the_run_cancels_the_manager():
    manager = Scripted(forever)
    task = asyncio.create_task(run(Factory(manager)))
    await manager.running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert manager.canceled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_drains(number):
    manager = Scripted(until_shutdown)
    task = asyncio.create_task(run(Factory(manager)))
    await manager.running.wait()
    os.kill(os.getpid(), number)
    await task
    assert not manager.canceled


async def test_the_second_signal_cancels_and_a_third_would_end_the_process():
    at_cancel = []

    async def stubborn(manager: Scripted) -> None:
        try:
            await manager.shutdown.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            at_cancel.append(signal.getsignal(signal.SIGTERM))

    manager = Scripted(stubborn)
    factory = Factory(manager)
    task = asyncio.create_task(run(factory))
    await manager.running.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await task
    assert manager.canceled
    assert at_cancel == [signal.SIG_DFL]
    assert factory.cleaned_up == 1


async def test_signal_handlers_are_as_before_after_the_run():
    def handler(number: int, frame: object) -> None:
        pass

    before = signal.signal(signal.SIGTERM, handler)
    try:
        await run(Factory(Scripted(returns)))
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_loop_without_signal_handlers_costs_a_warning(monkeypatch, caplog):
    def refuse(*args: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
    await run(Factory(Scripted(returns)))
    assert "Signals will not stop this worker" in caplog.text


@pytest.mark.parametrize("yielded", [None, "text", object()])
async def test_what_is_no_manager_is_refused(yielded):
    with pytest.raises(NotImplementedError, match="yield a PgQueuer"):
        await run(Factory(yielded))


async def test_a_factory_that_gives_a_coroutine_is_refused_without_a_warning():
    async def factory() -> object:
        return Scripted(returns)

    with pytest.raises(TypeError, match="@asynccontextmanager"):
        await run(factory)


async def test_a_string_names_the_factory(tmp_path, monkeypatch):
    (tmp_path / "worker_by_name.py").write_text("def make():\n    raise LookupError('called')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LookupError, match="called"):
        await run("worker_by_name:make")


def test_run_of_the_package_is_this_run():
    import pgqueuer

    assert pgqueuer.run is run


async def test_all_managers_get_the_shutdown_event():
    from pgqueuer.core.applications import PgQueuer

    manager, event = PgQueuer.in_memory(), asyncio.Event()
    assert supervisor.setup_shutdown_handlers(manager, event) is manager
    assert manager.shutdown is manager.qm.shutdown is manager.sm.shutdown is event


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"heartbeat_timeout": timedelta(0)}, ValueError, r"from 0\.1 to 604800 seconds; got 0"),
        ({"dequeue_timeout": 30}, TypeError, "dequeue_timeout must be a timedelta"),
        ({"batch_size": 0}, ValueError, "batch_size must be from 1 to 100,000"),
        ({"max_concurrent_tasks": -1}, ValueError, "max_concurrent_tasks must be at least 0"),
        ({"mode": "drain"}, TypeError, r"QueueExecutionMode\.drain"),
        ({"shutdown_timeout": timedelta(-1)}, ValueError, "shutdown_timeout must be from 0"),
    ],
)
async def test_settings_out_of_range_are_refused_before_the_factory_is_called(
    options, error, message
):
    factory = Factory(Scripted(returns))
    with pytest.raises(error, match=message):
        await run(factory, restart_on_failure=True, **options)
    assert len(factory.managers) == 1


async def test_a_scheduler_gets_the_heartbeat_timeout():
    given = []

    class Noting(Scripted):
        async def run(self, heartbeat_timeout: timedelta = timedelta(0)) -> None:
            given.append(heartbeat_timeout)

    await run(Factory(Noting(returns)), heartbeat_timeout=timedelta(seconds=7))
    assert given == [timedelta(seconds=7)]
