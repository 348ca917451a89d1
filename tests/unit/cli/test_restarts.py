"""Which failures of a worker are followed by another one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.cli.supervising.errors import is_connection_failure
from pgqueuer.adapters.cli.supervisor import run
from pgqueuer.core.sm import SchedulerManager


class Scripted(SchedulerManager):
    """A manager that has found its tables and then does what the test says."""

    def __init__(self, script: Callable[[Scripted], object]) -> None:
        super().__init__(InMemoryQueries(InMemoryDriver()))
        self.script = script

    async def run(self, heartbeat_timeout: timedelta = timedelta(0)) -> None:
        self.continuity.started = True
        await self.script(self)


async def ends(manager: Scripted) -> None:
    pass


async def loses_its_connection(manager: Scripted) -> None:
    raise ConnectionResetError("the server went away")


async def until_shutdown(manager: Scripted) -> None:
    await manager.shutdown.wait()


def raises(error: BaseException) -> Callable[[Scripted], object]:
    async def script(manager: Scripted) -> None:
        raise error

    return script


class Factory:
    """Yields managers that follow the scripts in order; an exception among them is raised."""

    def __init__(self, *scripts: object) -> None:
        self.scripts = list(scripts)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Scripted]:
        script = self.scripts.pop(0)
        if isinstance(script, BaseException):
            raise script
        yield Scripted(script)


@pytest.fixture(autouse=True)
async def bounded() -> AsyncIterator[None]:
    async with asyncio.timeout(30):
        yield


async def test_a_lost_connection_is_followed_by_a_call_of_the_factory_said_once(caplog):
    refused = ConnectionRefusedError("not up yet")
    factory = Factory(loses_its_connection, refused, refused, ends)
    with caplog.at_level(logging.INFO, "pgqueuer"):
        await run(factory, shutdown=asyncio.Event())
    assert factory.scripts == []
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "its factory is called again" in caplog.text


async def test_that_a_connection_is_back_is_said_too(caplog):
    stop = asyncio.Event()
    factory = Factory(loses_its_connection, until_shutdown)
    with caplog.at_level(logging.INFO, "pgqueuer"):
        task = asyncio.create_task(run(factory, shutdown=stop))
        while "connected again" not in caplog.text:
            await asyncio.sleep(0.01)
    stop.set()
    await task


async def test_a_worker_that_never_found_the_database_ends_at_once():
    with pytest.raises(ConnectionRefusedError):
        await run(Factory(ConnectionRefusedError("no such host"), ends), shutdown=asyncio.Event())


@pytest.mark.parametrize("error", [TypeError("programming"), RuntimeError("no table: pgq install")])
async def test_a_mistake_of_the_program_ends_it_even_after_a_lost_connection(error):
    factory = Factory(loses_its_connection, error, ends)
    with pytest.raises(type(error), match=str(error)):
        await run(factory, shutdown=asyncio.Event())


async def test_a_mistake_of_the_program_is_not_followed():
    with pytest.raises(ValueError, match="mistake"):
        await run(Factory(raises(ValueError("mistake")), ends), shutdown=asyncio.Event())


async def test_stopping_on_listener_failure_stops_on_a_lost_connection():
    with pytest.raises(ConnectionResetError):
        await run(
            Factory(loses_its_connection, ends),
            shutdown=asyncio.Event(),
            shutdown_on_listener_failure=True,
        )


async def test_a_stop_while_there_is_no_connection_ends_the_run(caplog):
    stop = asyncio.Event()
    refused = ConnectionRefusedError("not up yet")
    factory = Factory(loses_its_connection, *[refused] * 100)
    task = asyncio.create_task(run(factory, shutdown=stop))
    while "its factory is called again" not in caplog.text:
        await asyncio.sleep(0.01)
    stop.set()
    await task


class Coded(Exception):
    """An error of a database with this SQLSTATE."""

    def __init__(self, sqlstate: str | None) -> None:
        self.sqlstate = sqlstate


class OperationalError(Exception):
    """What PEP 249 calls the errors of a connection."""


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        OSError(111, "refused"),
        Coded("57P01"),
        Coded("08006"),
        Coded("53300"),
        Coded("25006"),
        Coded("55000"),
        OperationalError("the connection is lost"),
        ExceptionGroup("both", [ConnectionResetError(), Coded("57P03")]),
    ],
)
def test_errors_of_the_connection_and_of_the_server_pass(error):
    assert is_connection_failure(error)


@pytest.mark.parametrize(
    "error",
    [
        TypeError(),
        Coded("42P01"),
        Coded("57014"),
        Coded("23505"),
        FileNotFoundError(2, "No such file", "settings.toml"),
        ExceptionGroup("mixed", [ConnectionResetError(), TypeError()]),
    ],
)
def test_mistakes_do_not_pass(error):
    assert not is_connection_failure(error)
