"""What every chapter uses: the fixture to override, and short words for the usual steps."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest

from pgqueuer.ports.driver import BulkCopier, Driver, ListenerRemover

OpenDriver: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Each call opens another connection to the same database and gives a driver on it, which is not
entered yet; leaving the context closes the connection."""

Test: TypeAlias = Callable[..., Awaitable[None]]

PATIENCE = 15.0
"""Seconds to wait for what should come at once."""


class DriverKit:
    """The fixture and the capabilities; see `pgqueuer.testing.driver`."""

    has_sql = True
    can_listen = True
    can_remove_listeners = True
    can_copy = True
    tells_status = True
    refuses_wrong_types = True

    @pytest.fixture
    def open_driver(self) -> OpenDriver:
        """Makes drivers over new connections to one database."""
        raise NotImplementedError("Override the fixture `open_driver`; return a callable.")


def needs(*capabilities: str) -> Callable[[Test], Test]:
    """Skip the test for drivers without these capabilities."""

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        async def run(self: DriverKit, *args: Any, **kwargs: Any) -> None:
            for capability in capabilities:
                if not getattr(self, capability):
                    pytest.skip(f"{capability} is False")
            await test(self, *args, **kwargs)

        return run

    return decorate


class Heard:
    """The payloads that a listener was called with."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, payload: str | bytes | bytearray) -> None:
        self.payloads.append(payload if isinstance(payload, str) else bytes(payload).decode())
        self._more.set()

    async def until(self, payload: str) -> list[str]:
        """Wait for a payload; return what came before it, and start over after it."""
        async with asyncio.timeout(PATIENCE):
            while payload not in self.payloads:
                self._more.clear()
                await self._more.wait()
        at = self.payloads.index(payload)
        before, self.payloads = self.payloads[:at], self.payloads[at + 1 :]
        return before


async def remove(driver: Driver, channel: str, listener: Heard) -> None:
    """Stop listening."""
    assert isinstance(driver, ListenerRemover), "set can_remove_listeners = False"
    await driver.remove_listener(channel, listener)


def copier(driver: Driver) -> BulkCopier:
    """The driver as one that copies."""
    assert isinstance(driver, BulkCopier), "set can_copy = False"
    return driver


async def only(driver: Driver, query: str, *args: object) -> Any:
    """The one value of the one row."""
    (row,) = await driver.fetch(query, *args)
    (value,) = row.values()
    return value


async def exists(driver: Driver, table: str) -> bool:
    """Whether there is such a table."""
    return bool(await only(driver, "SELECT to_regclass($1::text) IS NOT NULL AS there", table))
