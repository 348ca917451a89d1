"""Background tasks are kept, waited for, and their failures told."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from pgqueuer.core.tm import TaskManager, cancel_and_wait, cancel_on_exit, discard_outcome
from pgqueuer.ports.driver import TaskManagerPort


async def fail() -> None:
    raise ValueError("on purpose")


async def stubborn(release: asyncio.Event) -> str:
    """Ends only after it was cancelled and released."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await release.wait()
        raise
    return "never"


@pytest.fixture
async def complaints() -> list[str]:
    """What asyncio complains about, such as exceptions that nobody looked at."""
    found: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context["message"]))
    return found


async def test_it_is_a_task_manager():
    manager: TaskManagerPort = TaskManager()

    assert manager.tasks == set()


async def test_leaving_waits_for_tasks_and_for_those_that_they_add():
    order = []
    async with TaskManager() as manager:

        async def second() -> None:
            order.append("second")

        async def first() -> None:
            await asyncio.sleep(0)
            order.append("first")
            manager.add(asyncio.create_task(second()))

        manager.add(asyncio.create_task(first()))
        assert len(manager.tasks) == 1

    assert order == ["first", "second"]
    assert manager.tasks == set()


async def test_a_task_that_nobody_else_holds_is_kept_alive_until_it_ends():
    async def alone() -> None:
        await asyncio.get_running_loop().create_future()

    manager = TaskManager()
    kept = weakref.ref(asyncio.create_task(alone()))
    task = kept()
    assert task is not None
    manager.add(task)
    await asyncio.sleep(0)
    del task
    gc.collect()
    task = kept()
    assert task is not None

    await cancel_and_wait(task)
    assert manager.tasks == set()


async def test_a_failure_is_logged_with_its_traceback_and_does_not_stop_others(caplog):
    async with TaskManager() as manager:
        manager.add(asyncio.create_task(fail(), name="failing"))
        manager.add(asyncio.create_task(asyncio.sleep(0)))

    (record,) = caplog.records
    assert record.name == "pgqueuer"
    assert "failing" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "on purpose"


async def test_a_cancelled_task_is_not_logged(caplog):
    async with TaskManager() as manager:
        task = asyncio.create_task(asyncio.Event().wait())
        manager.add(task)
        task.cancel()

    assert caplog.records == []


async def test_gathering_gives_results_and_exceptions():
    manager = TaskManager()
    manager.add(asyncio.create_task(asyncio.sleep(0, "result")))
    manager.add(asyncio.create_task(fail()))

    results = await manager.gather_tasks()

    assert "result" in results
    assert any(isinstance(result, ValueError) for result in results)
    assert await manager.gather_tasks() == []


async def test_gathering_may_raise():
    manager = TaskManager()
    manager.add(asyncio.create_task(fail()))

    with pytest.raises(ValueError, match="on purpose"):
        await manager.gather_tasks(return_exceptions=False)


async def test_cancel_and_wait_returns_when_the_task_has_ended():
    release = asyncio.Event()
    task = asyncio.create_task(stubborn(release))
    await asyncio.sleep(0)
    cancelling = asyncio.create_task(cancel_and_wait(task))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not cancelling.done()

    release.set()
    await cancelling
    assert task.cancelled()


async def test_cancel_and_wait_raises_the_cancellation_of_its_caller():
    release = asyncio.Event()
    task = asyncio.create_task(stubborn(release))
    await asyncio.sleep(0)
    cancelling = asyncio.create_task(cancel_and_wait(task))
    await asyncio.sleep(0)
    cancelling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await cancelling
    release.set()
    await asyncio.wait({task})


async def test_the_failure_of_a_cancelled_task_is_nobodys_concern(complaints):
    async def fails_late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("on purpose")

    task = asyncio.create_task(fails_late())
    await asyncio.sleep(0)
    await cancel_and_wait(task)
    del task
    gc.collect()

    assert complaints == []


async def test_a_task_that_has_ended_is_fine():
    task = asyncio.create_task(asyncio.sleep(0, "result"))
    await task
    await cancel_and_wait(task)

    assert task.result() == "result"


async def test_cancel_on_exit_waits_in_an_async_with():
    task = asyncio.create_task(asyncio.Event().wait())
    async with cancel_on_exit(task) as entered:
        assert entered is task
        await asyncio.sleep(0)
        assert not task.done()

    assert task.cancelled()


async def test_cancel_on_exit_cancels_in_a_with():
    task = asyncio.create_task(asyncio.Event().wait())
    with cancel_on_exit(task):
        await asyncio.sleep(0)
    assert task.cancelling()
    await asyncio.wait({task})

    assert task.cancelled()


async def test_a_discarded_outcome_is_not_complained_about(complaints):
    ended, running = asyncio.create_task(fail()), asyncio.create_task(fail())
    discard_outcome(running)
    await asyncio.wait({ended, running})
    discard_outcome(ended)
    del ended, running
    gc.collect()

    assert complaints == []
