"""The in-memory driver delivers within the process and refuses SQL with advice."""

from __future__ import annotations

import logging

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver
from pgqueuer.ports.driver import Driver, ListenerRemover


@pytest.fixture
def driver():
    return InMemoryDriver()


async def test_it_is_a_driver_that_can_stop_listening(driver):
    assert isinstance(driver, Driver)
    assert isinstance(driver, ListenerRemover)


@pytest.mark.parametrize("method", ["fetch", "execute"])
async def test_sql_is_refused_with_what_to_do(driver, method):
    with pytest.raises(NotImplementedError, match="InMemoryQueries"):
        await getattr(driver, method)("SELECT $1", 1)


async def test_a_notification_is_delivered_before_notify_returns(driver):
    heard = []
    await driver.add_listener("channel", heard.append)

    await driver.notify("channel", "hello")
    await driver.notify("another", "nobody hears this")

    assert heard == ["hello"]


async def test_a_callback_listens_once_to_a_channel(driver):
    heard = []
    hear = heard.append
    for channel in ("one", "one", "two"):
        await driver.add_listener(channel, hear)

    await driver.notify("one", "1")
    await driver.notify("two", "2")

    assert heard == ["1", "2"]


async def test_a_removed_listener_hears_nothing(driver):
    heard = []
    hear = heard.append
    await driver.add_listener("channel", hear)

    await driver.remove_listener("channel", hear)
    await driver.remove_listener("channel", hear)
    await driver.remove_listener("unknown", hear)
    await driver.notify("channel", "hello")

    assert heard == []


async def test_a_listener_that_raises_is_logged_and_stops_no_other(driver, caplog):
    heard = []

    def broken(payload):
        raise RuntimeError("a listener failed")

    await driver.add_listener("channel", broken)
    await driver.add_listener("channel", heard.append)

    with caplog.at_level(logging.ERROR, "pgqueuer"):
        await driver.notify("channel", "hello")

    assert heard == ["hello"]
    assert "a listener failed" in caplog.text


async def test_a_listener_may_remove_itself(driver):
    heard = []

    def once(payload):
        heard.append(payload)
        removal = driver.remove_listener("channel", once)
        with pytest.raises(StopIteration):
            removal.send(None)

    await driver.add_listener("channel", once)
    await driver.add_listener("channel", heard.append)

    await driver.notify("channel", "hello")
    await driver.notify("channel", "again")

    assert heard == ["hello", "hello", "again"]


async def test_leaving_the_outermost_context_forgets_listeners_and_sets_shutdown(driver):
    heard = []
    async with driver:
        async with driver as inner:
            assert inner is driver
            await driver.add_listener("channel", heard.append)
        assert not driver.shutdown.is_set()
        await driver.notify("channel", "heard")
    assert driver.shutdown.is_set()
    await driver.notify("channel", "not heard")

    assert heard == ["heard"]


async def test_a_context_entered_again_clears_shutdown(driver):
    async with driver:
        pass

    async with driver:
        assert not driver.shutdown.is_set()


async def test_the_task_manager_is_always_the_same(driver):
    assert driver.tm is driver.tm
