"""The driver does what the queue relies on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.queries import Queries
from pgqueuer.testing.driver import DriverConformance, OpenDriver
from pgqueuer.testing.repository import RepositoryConformance
from pgqueuer_psqlpy import PsqlpyDriver, create_pool


@asynccontextmanager
async def driver_on(dsn: str) -> AsyncIterator[PsqlpyDriver]:
    pool = create_pool(ConnectionSettings(PGQUEUER_DSN=dsn))
    driver = PsqlpyDriver(pool)
    try:
        yield driver
    finally:
        await driver.close()
        pool.close()


class TestDriver(DriverConformance):
    can_copy = False
    tells_status = False

    @pytest.fixture
    def open_driver(self, dsn: str) -> OpenDriver:
        return lambda: driver_on(dsn)


class TestRepository(RepositoryConformance):
    @pytest.fixture
    async def repository(self, queue_dsn: str) -> AsyncIterator[Queries]:
        async with driver_on(queue_dsn) as driver:
            yield Queries(driver)

    @pytest.fixture
    async def peers(self, queue_dsn: str) -> AsyncIterator[list[Queries]]:
        async with AsyncExitStack() as stack:
            yield [Queries(await stack.enter_async_context(driver_on(queue_dsn))) for _ in range(4)]
