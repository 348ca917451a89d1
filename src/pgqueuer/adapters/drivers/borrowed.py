"""Drivers over the connections of frameworks, which run the transactions on them."""

from __future__ import annotations

from typing import Any

from pgqueuer.adapters.drivers.base import PostgresDriver
from pgqueuer.ports.driver import SyncDriver


def sync_driver_over(connection: Any) -> SyncDriver:
    """A driver over a psycopg or psycopg2 connection, in whatever transaction it is.

    Raises TypeError for any other connection.
    """
    package = _package_of(connection, "psycopg", "psycopg2")
    if package == "psycopg":
        from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver  # noqa: PLC0415

        return SyncPsycopgDriver(connection, caller_commits=True)
    from pgqueuer.adapters.drivers.psycopg2 import SyncPsycopg2Driver  # noqa: PLC0415

    return SyncPsycopg2Driver(connection)


def driver_over(connection: Any) -> PostgresDriver:
    """A driver over an asyncpg or asynchronous psycopg connection, in whatever transaction it is.

    Raises TypeError for any other connection.
    """
    package = _package_of(connection, "asyncpg", "psycopg")
    if package == "asyncpg":
        from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver  # noqa: PLC0415

        return AsyncpgDriver(connection)
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver  # noqa: PLC0415

    return PsycopgDriver(connection, caller_commits=True)


def _package_of(connection: object, *supported: str) -> str:
    """Which of the packages the class of the connection comes from, or is derived from."""
    packages = [cls.__module__.partition(".")[0] for cls in type(connection).__mro__]
    for package in packages:
        if package in supported:
            return package
    raise TypeError(
        f"jobs can not be enqueued over a connection of {packages[0]!r}; "
        f"use one of {' or '.join(supported)}"
    )
