"""Pools of psqlpy for programs that do not make their own, and a driver on one."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from psqlpy import ConnectionPool, SslMode
from psqlpy.exceptions import Error

from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer_psqlpy.driver import PsqlpyDriver
from pgqueuer_psqlpy.errors import translated

POOL_SIZE: Final = 2
"""psqlpy's least; only cancelled statements take connections from the pool."""

_KEYWORD: Final = re.compile(r"(\w+)\s*=")
_VARIABLES: Final = MappingProxyType(
    {
        "PGHOST": ("host", "host"),
        "PGPORT": ("port", "port"),
        "PGUSER": ("user", "username"),
        "PGPASSWORD": ("password", "password"),
        "PGDATABASE": ("dbname", "db_name"),
        "PGOPTIONS": ("options", "options"),
        "PGAPPNAME": ("application_name", "application_name"),
        "PGCONNECT_TIMEOUT": ("connect_timeout", "connect_timeout_sec"),
        "PGSSLMODE": ("sslmode", "ssl_mode"),
    }
)
_SSL_MODES: Final = MappingProxyType(
    {
        "disable": SslMode.Disable,
        "allow": SslMode.Allow,
        "prefer": SslMode.Prefer,
        "require": SslMode.Require,
        "verify-ca": SslMode.VerifyCa,
        "verify-full": SslMode.VerifyFull,
    }
)


@asynccontextmanager
async def open_psqlpy(settings: ConnectionSettings) -> AsyncGenerator[PsqlpyDriver]:
    """An entered driver over a connection of its own.

    What neither the settings nor the DSN say is taken from libpq's variables: PGHOST, PGPORT,
    PGUSER, PGPASSWORD, PGDATABASE, PGOPTIONS, PGAPPNAME, PGCONNECT_TIMEOUT and PGSSLMODE.
    """
    pool = create_pool(settings)
    driver = PsqlpyDriver(pool)
    try:
        async with driver:
            await driver.fetch("SELECT 1 AS one")
            yield driver
    finally:
        await driver.close()
        pool.close()


def create_pool(settings: ConnectionSettings) -> ConnectionPool:
    """A pool that connects as `settings` and libpq's variables say; nothing is opened yet."""
    arguments = _from_environment(parameters_in(settings.dsn or ""))
    if settings.connect_timeout is not None:
        arguments["connect_timeout_sec"] = max(1, round(settings.connect_timeout))
    if settings.application_name is not None:
        arguments["application_name"] = settings.application_name
    try:
        return ConnectionPool(
            dsn=settings.dsn,
            max_db_pool_size=POOL_SIZE,
            keepalives=True,
            keepalives_idle_sec=30,
            keepalives_interval_sec=10,
            keepalives_retries=3,
            **arguments,
        )
    except Error as error:
        raise translated(error) from error


def parameters_in(dsn: str) -> set[str]:
    """The names of libpq's parameters that the DSN gives a value."""
    if "://" not in dsn:
        return set(_KEYWORD.findall(dsn))
    parts = urlsplit(dsn)
    login, _, address = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    given = {
        "user": user,
        "password": password,
        "host": re.sub(r":\d+", "", address),
        "port": re.search(r":\d+", address),
        "dbname": parts.path.strip("/"),
    }
    return {name for name, value in given.items() if value} | set(parse_qs(parts.query))


def _from_environment(given: set[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for variable, (parameter, argument) in _VARIABLES.items():
        value = os.environ.get(variable)
        if value and parameter not in given:
            arguments[argument] = _converted(variable, value)
    if "user" not in given and "username" not in arguments:
        arguments["username"] = getpass.getuser()
    if "host" not in given and "host" not in arguments:
        arguments["host"] = "localhost"
    return arguments


def _converted(variable: str, value: str) -> object:
    if variable == "PGSSLMODE":
        if value not in _SSL_MODES:
            raise ValueError(f"PGSSLMODE={value!r} is not one of {', '.join(_SSL_MODES)}")
        return _SSL_MODES[value]
    if variable in ("PGPORT", "PGCONNECT_TIMEOUT"):
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"{variable}={value!r} is not a number") from None
    return value
