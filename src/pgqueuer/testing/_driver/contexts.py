"""Entering and leaving."""

from __future__ import annotations

import pytest

from pgqueuer.testing._driver.kit import DriverKit, Heard, OpenDriver, needs, only


class ContextTests(DriverKit):
    async def test_the_context_gives_the_driver(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver, driver as entered:
            assert entered is driver

    @needs("can_listen")
    async def test_leaving_removes_the_listeners(self, open_driver: OpenDriver) -> None:
        gone, heard = Heard(), Heard()
        async with open_driver() as driver:
            async with driver:
                await driver.add_listener("channel", gone)
                await driver.add_listener("elsewhere", gone)
            async with driver:
                await driver.add_listener("channel", heard)
                await driver.notify("elsewhere", "unheard")
                await driver.notify("channel", "mark")

                assert await heard.until("mark") == []
                assert gone.payloads == []

    @needs("can_listen", "has_sql")
    async def test_leaving_leaves_no_channel_behind(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            async with driver:
                await driver.add_listener("channel", Heard())
                await driver.add_listener("elsewhere", Heard())

            assert await driver.fetch("SELECT pg_listening_channels() AS channel") == []

    @needs("can_listen")
    async def test_an_inner_context_leaves_the_listeners_alone(
        self, open_driver: OpenDriver
    ) -> None:
        heard = Heard()
        async with open_driver() as driver, driver:
            async with driver:
                await driver.add_listener("channel", heard)
            assert not driver.shutdown.is_set()
            await driver.notify("channel", "mark")

            assert await heard.until("mark") == []

    async def test_leaving_the_outermost_context_sets_shutdown(
        self, open_driver: OpenDriver
    ) -> None:
        async with open_driver() as driver:
            async with driver:
                assert not driver.shutdown.is_set()
            assert driver.shutdown.is_set()
            async with driver:
                assert not driver.shutdown.is_set()

    @needs("can_listen")
    async def test_leaving_by_an_error_removes_the_listeners_too(
        self, open_driver: OpenDriver
    ) -> None:
        gone, heard = Heard(), Heard()
        async with open_driver() as driver:
            with pytest.raises(ValueError, match="on purpose"):
                async with driver:
                    await driver.add_listener("channel", gone)
                    raise ValueError("on purpose")
            async with driver:
                await driver.add_listener("channel", heard)
                await driver.notify("channel", "mark")

                assert await heard.until("mark") == []
                assert gone.payloads == []

    @needs("has_sql")
    async def test_leaving_does_not_close_the_connection(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            async with driver:
                await driver.add_listener("channel", Heard())

            assert await only(driver, "SELECT $1::int AS number", 7) == 7
