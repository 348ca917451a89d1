"""Every bundled driver passes the published kit."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver
from pgqueuer.testing._driver.contexts import ContextTests
from pgqueuer.testing._driver.copying import CopyTests
from pgqueuer.testing._driver.listening import ListeningTests
from pgqueuer.testing.driver import DriverConformance, OpenDriver


def run_in_uvloop(test_class: type) -> None:
    """Turns the coroutines into functions that run in a loop of their own."""

    def in_uvloop(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: object, **kwargs: object) -> None:
            uvloop = pytest.importorskip("uvloop")
            uvloop.run(test(*args, **kwargs))

        return run

    for name in dir(test_class):
        if name.startswith("test_"):
            setattr(test_class, name, in_uvloop(getattr(test_class, name)))


class TestAsyncpg(DriverConformance):
    @pytest.fixture
    def open_driver(self, dsn: str) -> OpenDriver:
        import asyncpg

        from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

        @asynccontextmanager
        async def open_driver() -> AsyncIterator[AsyncpgDriver]:
            connection = await asyncpg.connect(dsn)
            try:
                yield AsyncpgDriver(connection)
            finally:
                await connection.close()

        return open_driver


class TestAsyncpgPool(DriverConformance):
    @pytest.fixture
    def open_driver(self, dsn: str) -> OpenDriver:
        import asyncpg

        from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver

        @asynccontextmanager
        async def open_driver() -> AsyncIterator[AsyncpgPoolDriver]:
            async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as pool:
                yield AsyncpgPoolDriver(pool)

        return open_driver


class TestPsycopg(DriverConformance):
    @pytest.fixture
    def open_driver(self, dsn: str) -> OpenDriver:
        import psycopg

        from pgqueuer.adapters.drivers.psycopg import PsycopgDriver

        @asynccontextmanager
        async def open_driver() -> AsyncIterator[PsycopgDriver]:
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                yield PsycopgDriver(connection)

        return open_driver


class LoopTests(ListeningTests, ContextTests, CopyTests):
    """What depends on the event loop."""


class TestAsyncpgUnderUvloop(LoopTests):
    open_driver = TestAsyncpg.open_driver


class TestAsyncpgPoolUnderUvloop(LoopTests):
    open_driver = TestAsyncpgPool.open_driver


class TestPsycopgUnderUvloop(LoopTests):
    open_driver = TestPsycopg.open_driver


for test_class in (TestAsyncpgUnderUvloop, TestAsyncpgPoolUnderUvloop, TestPsycopgUnderUvloop):
    run_in_uvloop(test_class)


class TestInMemory(DriverConformance):
    has_sql = False
    can_copy = False

    @pytest.fixture
    def open_driver(self) -> OpenDriver:
        @asynccontextmanager
        async def open_driver() -> AsyncIterator[InMemoryDriver]:
            yield InMemoryDriver()

        return open_driver
