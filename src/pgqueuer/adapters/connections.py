"""Connections and pools for programs that do not make their own.

The DSN is the argument, else PGQUEUER_DSN, else PGDSN, else what libpq's variables (PGHOST, …)
say. TCP keeps the connections alive, so that a server that vanished is noticed within about a
minute; the DSN may say otherwise to psycopg.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypedDict
from urllib.parse import parse_qs, urlsplit

from pgqueuer.adapters.drivers.keepalive import libpq_parameters
from pgqueuer.domain.settings import ConnectionSettings

if TYPE_CHECKING:
    import asyncpg
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from pgqueuer.adapters.drivers.asyncpg_session import AnyConnection

    PsycopgPool = AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]

OPEN_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 10.0

_UNREAD_BY_ASYNCPG: Final = MappingProxyType(
    {"PGOPTIONS": "options", "PGAPPNAME": "application_name"}
)


class _AsyncpgArguments(TypedDict, total=False):
    timeout: float
    server_settings: dict[str, str]


@asynccontextmanager
async def connect_asyncpg(
    dsn: str | None = None, settings: ConnectionSettings | None = None
) -> AsyncGenerator[asyncpg.Connection]:
    """An asyncpg connection, closed at the end; behind a pooler it prepares no statements.

    PGOPTIONS and PGAPPNAME count, which asyncpg itself does not read. The seconds to connect are
    PGQUEUER_CONNECT_TIMEOUT, else PGCONNECT_TIMEOUT, else what asyncpg says.
    """
    import asyncpg  # noqa: PLC0415

    from pgqueuer.adapters.drivers.asyncpg_connection import KeptAliveConnection  # noqa: PLC0415

    settings = settings or ConnectionSettings()
    dsn = dsn or settings.dsn
    arguments = _asyncpg_arguments(dsn, settings)
    connection = await asyncpg.connect(dsn, connection_class=KeptAliveConnection, **arguments)
    if await _is_behind_pooler(connection):
        await connection.close(timeout=CLOSE_SECONDS)
        connection = await asyncpg.connect(
            dsn, connection_class=KeptAliveConnection, statement_cache_size=0, **arguments
        )
    try:
        yield connection
    finally:
        with suppress(TimeoutError):  # asyncpg has cut the connection then
            await connection.close(timeout=CLOSE_SECONDS)


@asynccontextmanager
async def create_asyncpg_pool(
    dsn: str | None = None, settings: ConnectionSettings | None = None
) -> AsyncGenerator[asyncpg.Pool]:
    """An asyncpg pool of what `connect_asyncpg` makes, closed at the end.

    Connections that were not given back are cut 10 seconds after that.
    """
    import asyncpg  # noqa: PLC0415

    from pgqueuer.adapters.drivers.asyncpg_connection import KeptAliveConnection  # noqa: PLC0415

    settings = settings or ConnectionSettings()
    dsn = dsn or settings.dsn
    create = partial(
        asyncpg.create_pool,
        dsn,
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        connection_class=KeptAliveConnection,
        **_asyncpg_arguments(dsn, settings),
    )
    pool = await create()
    if settings.pool_min_size and await _is_pool_behind_pooler(pool):
        await pool.close()
        pool = await create(statement_cache_size=0)
    try:
        yield pool
    finally:
        with suppress(TimeoutError):  # asyncpg has cut the connections then
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()


@asynccontextmanager
async def connect_psycopg(
    dsn: str | None = None, settings: ConnectionSettings | None = None
) -> AsyncGenerator[AsyncConnection[tuple[Any, ...]]]:
    """A psycopg connection in autocommit mode, closed at the end.

    The seconds to connect are PGQUEUER_CONNECT_TIMEOUT, rounded up, else what libpq makes of
    PGCONNECT_TIMEOUT.
    """
    from psycopg import AsyncConnection  # noqa: PLC0415

    settings = settings or ConnectionSettings()
    dsn = dsn or settings.dsn or ""
    connection = await AsyncConnection.connect(
        dsn, autocommit=True, **_psycopg_arguments(dsn, settings)
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def create_psycopg_pool(
    dsn: str | None = None, settings: ConnectionSettings | None = None
) -> AsyncGenerator[PsycopgPool]:
    """A psycopg pool of what `connect_psycopg` makes, closed at the end.

    Raises PoolTimeout when no connection could be made within the seconds to connect, by default
    30.
    """
    from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415

    settings = settings or ConnectionSettings()
    dsn = dsn or settings.dsn or ""
    pool: PsycopgPool = AsyncConnectionPool(
        dsn,
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        kwargs={"autocommit": True, **_psycopg_arguments(dsn, settings)},
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=settings.connect_timeout or OPEN_SECONDS)
        yield pool
    finally:
        await pool.close(timeout=CLOSE_SECONDS)


async def _is_pool_behind_pooler(pool: asyncpg.Pool) -> bool:
    async with pool.acquire() as connection:
        return await _is_behind_pooler(connection)


async def _is_behind_pooler(connection: AnyConnection) -> bool:
    """Whether statements must not be prepared, as another client may meet them.

    This is one round trip or two for each connection that is opened alone, and for each pool.
    """
    from pgqueuer.adapters.drivers.asyncpg_pooled import backend_pids  # noqa: PLC0415

    announced, actual = await backend_pids(connection)
    return announced != actual


def _asyncpg_arguments(dsn: str | None, settings: ConnectionSettings) -> _AsyncpgArguments:
    arguments = _AsyncpgArguments()
    timeout = settings.connect_timeout or _libpq_timeout()
    if timeout is not None:
        arguments["timeout"] = timeout
    in_dsn = parse_qs(urlsplit(dsn or "").query)
    server_settings = {
        name: os.environ[variable]
        for variable, name in _UNREAD_BY_ASYNCPG.items()
        if os.environ.get(variable) and name not in in_dsn
    }
    if settings.application_name is not None:
        server_settings["application_name"] = settings.application_name
    if server_settings:
        arguments["server_settings"] = server_settings
    return arguments


def _libpq_timeout() -> float | None:
    """PGCONNECT_TIMEOUT; as in libpq, zero and less mean none."""
    text = os.environ.get("PGCONNECT_TIMEOUT", "").strip() or "0"
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"PGCONNECT_TIMEOUT={text!r} is not a number of seconds") from None
    return seconds if seconds > 0 else None


def _psycopg_arguments(dsn: str, settings: ConnectionSettings) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    in_dsn = conninfo_to_dict(dsn)
    arguments: dict[str, Any] = {
        name: value for name, value in libpq_parameters().items() if name not in in_dsn
    }
    if settings.connect_timeout is not None:
        arguments["connect_timeout"] = math.ceil(settings.connect_timeout)
    if settings.application_name is not None:
        arguments["application_name"] = settings.application_name
    return arguments
