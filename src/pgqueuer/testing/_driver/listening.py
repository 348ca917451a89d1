"""Notifications arrive, all of them, and nothing waits for them."""

from __future__ import annotations

import asyncio

import pytest

from pgqueuer.testing._driver.kit import (
    PATIENCE,
    DriverKit,
    Heard,
    OpenDriver,
    needs,
    only,
    remove,
)

CHANNELS = ["ch_pgqueuer", "MixedCase", 'with "quotes" and; spaces', "naïve", "select", "1.2-3"]
PAYLOADS = ["", "x", '{"quoted": "\'\\""}', "naïve 日本 🐘", "long" * 1900]


class ListeningTests(DriverKit):
    @needs("can_listen")
    @pytest.mark.parametrize("channel", CHANNELS)
    async def test_any_channel_is_heard(self, open_driver: OpenDriver, channel: str) -> None:
        heard = Heard()
        async with open_driver() as driver, driver:
            await driver.add_listener(channel, heard)
            await driver.notify(channel.swapcase() + "_", "another channel")
            await driver.notify(channel, "mark")

            assert await heard.until("mark") == []

    @needs("can_listen")
    async def test_payloads_arrive_as_they_were_sent(self, open_driver: OpenDriver) -> None:
        heard = Heard()
        async with open_driver() as driver, driver:
            await driver.add_listener("channel", heard)
            for payload in PAYLOADS:
                await driver.notify("channel", payload)
            await driver.notify("channel", "mark")

            assert await heard.until("mark") == PAYLOADS

    @needs("can_listen", "has_sql")
    async def test_an_idle_connection_hears(self, open_driver: OpenDriver) -> None:
        heard = Heard()
        async with open_driver() as driver, driver, open_driver() as other:
            await driver.add_listener("channel", heard)
            for number in range(20):
                await other.notify("channel", str(number))
                assert await heard.until(str(number)) == []

    @needs("can_listen", "has_sql")
    async def test_statements_do_not_wait_for_notifications(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver, driver, asyncio.timeout(PATIENCE):
            await driver.add_listener("channel", Heard())
            for number in range(300):
                assert await only(driver, "SELECT $1::int AS number", number) == number

    @needs("can_listen", "has_sql")
    async def test_what_is_sent_during_a_long_statement_is_heard(
        self, open_driver: OpenDriver
    ) -> None:
        heard = Heard()
        async with open_driver() as driver, driver, open_driver() as other:
            await driver.add_listener("channel", heard)
            long = asyncio.create_task(driver.fetch("SELECT pg_sleep(0.3), 1 AS done"))
            for number in range(10):
                await other.notify("channel", str(number))
            await other.notify("channel", "mark")

            assert await heard.until("mark") == [str(number) for number in range(10)]
            assert (await long)[0]["done"] == 1

    @needs("can_listen", "has_sql")
    async def test_what_arrives_with_the_answer_to_a_statement_is_heard(
        self, open_driver: OpenDriver
    ) -> None:
        heard = Heard()
        async with open_driver() as driver, driver:
            await driver.add_listener("channel", heard)
            for number in range(50):
                await driver.fetch("SELECT pg_notify('channel', $1::text)", str(number))
                assert await heard.until(str(number)) == []

    @needs("can_listen", "has_sql")
    async def test_a_flood_is_heard_in_order_between_statements(
        self, open_driver: OpenDriver
    ) -> None:
        heard = Heard()
        expected = [str(number) for number in range(500)]
        async with open_driver() as driver, driver, open_driver() as other:
            await driver.add_listener("channel", heard)

            async def flood() -> None:
                for number in expected:
                    await other.notify("channel", number)
                await other.notify("channel", "mark")

            async def work() -> None:
                for number in range(200):
                    assert await only(driver, "SELECT $1::int AS number", number) == number

            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(flood(), work(), work())
            assert await heard.until("mark") == expected

    @needs("can_listen")
    async def test_adding_a_listener_twice_makes_one(self, open_driver: OpenDriver) -> None:
        heard = Heard()
        async with open_driver() as driver, driver:
            for _ in range(2):
                async with driver:
                    await driver.add_listener("channel", heard)
            await driver.notify("channel", "first")
            await driver.notify("channel", "mark")

            assert await heard.until("mark") == ["first"]

    @needs("can_listen")
    async def test_every_listener_of_a_channel_hears(self, open_driver: OpenDriver) -> None:
        listeners = [Heard() for _ in range(3)]
        elsewhere = Heard()
        async with open_driver() as driver, driver:
            await asyncio.gather(
                driver.add_listener("elsewhere", elsewhere),
                *(driver.add_listener("channel", heard) for heard in listeners),
            )
            await driver.notify("channel", "mark")
            await driver.notify("elsewhere", "mark there")

            assert [await heard.until("mark") for heard in listeners] == [[], [], []]
            assert await elsewhere.until("mark there") == []

    @needs("can_listen")
    async def test_a_listener_that_raises_stops_no_other(self, open_driver: OpenDriver) -> None:
        heard = Heard()

        def broken(payload: str | bytes | bytearray) -> None:
            raise ValueError("this listener is broken")

        async with open_driver() as driver, driver:
            await driver.add_listener("channel", broken)
            await driver.add_listener("channel", heard)
            await driver.notify("channel", "first")
            await driver.notify("channel", "mark")

            assert await heard.until("mark") == ["first"]

    @needs("can_listen", "can_remove_listeners")
    async def test_a_removed_listener_hears_nothing_more(self, open_driver: OpenDriver) -> None:
        gone, stays = Heard(), Heard()
        async with open_driver() as driver, driver:
            await driver.add_listener("channel", gone)
            await driver.add_listener("channel", stays)
            await remove(driver, "channel", gone)
            await driver.notify("channel", "mark")
            await stays.until("mark")
            assert gone.payloads == []

            await remove(driver, "channel", stays)
            await driver.notify("channel", "unheard")
            await driver.add_listener("channel", gone)
            await driver.notify("channel", "again")

            assert await gone.until("again") == []
            assert stays.payloads == []

    @needs("can_listen", "can_remove_listeners")
    async def test_removing_what_is_not_there_does_nothing(self, open_driver: OpenDriver) -> None:
        heard = Heard()
        async with open_driver() as driver, driver:
            await remove(driver, "channel", heard)
            await driver.add_listener("channel", heard)
            await remove(driver, "channel", Heard())
            await remove(driver, "elsewhere", heard)
            await driver.notify("channel", "mark")

            assert await heard.until("mark") == []

    @needs("can_listen", "can_remove_listeners", "has_sql")
    async def test_the_server_is_told_when_the_last_listener_goes(
        self, open_driver: OpenDriver
    ) -> None:
        first, second = Heard(), Heard()
        query = "SELECT pg_listening_channels() AS channel"
        async with open_driver() as driver, driver:
            await driver.add_listener("channel", first)
            await driver.add_listener("channel", second)
            await driver.add_listener("elsewhere", first)
            await remove(driver, "channel", first)
            await remove(driver, "elsewhere", first)
            assert await driver.fetch(query) == [{"channel": "channel"}]

            await remove(driver, "channel", second)
            assert await driver.fetch(query) == []
