"""How a command gets its `Queries`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import TypeVar

import click
from pydantic import ValidationError

from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.adapters.cli.factories import load_factory, validate_factory_result
from pgqueuer.adapters.cli.failures import UserError, cannot_connect
from pgqueuer.adapters.cli.options import AppConfig
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.errors import PgqException

T = TypeVar("T")


def with_queries(ctx: click.Context, work: Callable[[Queries], Awaitable[T]]) -> T:
    """Run `work` on a connection of its own, in a new event loop, and return its result."""

    async def connected() -> T:
        async with open_queries(AppConfig.of(ctx)) as queries:
            return await work(queries)

    return asyncio_run(connected())


@asynccontextmanager
async def open_queries(config: AppConfig) -> AsyncGenerator[Queries]:
    """What --factory yields, else what --driver connects to, else asyncpg or psycopg."""
    async with AsyncExitStack() as stack:
        queries = await open_store(stack, config)
        if not isinstance(queries, Queries):
            origin = f"driver {config.driver!r}" if config.factory is None else config.factory
            raise TypeError(f"{origin} gave {type(queries).__name__}, but commands need Queries")
        yield queries


async def open_store(stack: AsyncExitStack, config: AppConfig) -> object:
    """As `open_queries`, whatever kind of store it is; the connection is closed with `stack`."""
    source = _source(config)
    try:
        return await stack.enter_async_context(source)
    except (PgqException, ValidationError):
        raise
    except Exception as error:
        # Drivers refuse a DSN with all sorts of errors; those of a factory are the user's own.
        if config.factory is not None:
            raise
        raise UserError(cannot_connect(str(error) or type(error).__name__)) from error


def _source(config: AppConfig) -> AbstractAsyncContextManager[object]:
    if config.factory is not None:
        made: AbstractAsyncContextManager[object] = load_factory(config.factory)()
        return validate_factory_result(made)
    if config.driver is not None:
        from pgqueuer.adapters.cli.plugin_commands import load_plugins  # noqa: PLC0415
        from pgqueuer.plugins.drivers import connect_repository  # noqa: PLC0415

        return connect_repository(config.driver, registry=load_plugins())
    if find_spec("asyncpg") is not None:
        return _over_asyncpg()
    if find_spec("psycopg") is not None:
        return _over_psycopg()
    raise RuntimeError(
        "There is no database driver; run 'pip install asyncpg', or 'pip install psycopg'"
    )


@asynccontextmanager
async def _over_asyncpg() -> AsyncGenerator[Queries]:
    """One connection: a command needs no pool, and no plugin has to be looked up for it."""
    from pgqueuer.adapters.connections import connect_asyncpg  # noqa: PLC0415
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver  # noqa: PLC0415

    async with connect_asyncpg() as connection, AsyncpgDriver(connection) as driver:
        yield Queries(driver)


@asynccontextmanager
async def _over_psycopg() -> AsyncGenerator[Queries]:
    from pgqueuer.adapters.connections import connect_psycopg  # noqa: PLC0415
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver  # noqa: PLC0415

    async with connect_psycopg() as connection, PsycopgDriver(connection) as driver:
        yield Queries(driver)
