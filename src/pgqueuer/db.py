"""The database drivers; each is loaded on first use, with the package that it stands on.

`PostgresDriver` is the base to write one of your own on.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from pgqueuer.ports.driver import Driver, SyncDriver

if TYPE_CHECKING:
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
    from pgqueuer.adapters.drivers.base import PostgresDriver
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver, SyncPsycopgDriver
    from pgqueuer.adapters.sqlalchemy import SqlAlchemyDriver, SyncSqlAlchemyDriver

__all__ = [
    "AsyncpgDriver",
    "AsyncpgPoolDriver",
    "Driver",
    "PostgresDriver",
    "PsycopgDriver",
    "SqlAlchemyDriver",
    "SyncDriver",
    "SyncPsycopgDriver",
    "SyncSqlAlchemyDriver",
]

_HOMES = MappingProxyType(
    {
        "AsyncpgDriver": "pgqueuer.adapters.drivers.asyncpg",
        "AsyncpgPoolDriver": "pgqueuer.adapters.drivers.asyncpg",
        "PostgresDriver": "pgqueuer.adapters.drivers.base",
        "PsycopgDriver": "pgqueuer.adapters.drivers.psycopg",
        "SqlAlchemyDriver": "pgqueuer.adapters.sqlalchemy",
        "SyncPsycopgDriver": "pgqueuer.adapters.drivers.psycopg",
        "SyncSqlAlchemyDriver": "pgqueuer.adapters.sqlalchemy",
    }
)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
