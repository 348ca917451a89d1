"""Drivers over whatever a handler has its transaction on."""

from __future__ import annotations

import inspect
from typing import Any, Final

from pgqueuer.adapters.drivers.borrowed import driver_over, sync_driver_over
from pgqueuer.adapters.sqlalchemy import SqlAlchemyDriver, SyncSqlAlchemyDriver
from pgqueuer.ports.driver import Driver, SyncDriver, TransactionAwareness

TRANSACTION_NEEDED: Final = (
    "There is no transaction on this connection to complete the job in; open one first, as in "
    "'async with connection.transaction():', on a connection of your own and not on a pool"
)


def driver_in(connection: Any) -> Driver:
    """A driver over `connection`, or itself if it is one.

    Raises RuntimeError unless it is in a transaction, and TypeError for what no driver is for.
    """
    driver: Driver
    if isinstance(connection, Driver):
        driver = connection
    elif hasattr(connection, "acquire"):
        raise TypeError(
            "A pool has no transaction to complete a job in; acquire a connection of it"
        )
    elif _is_of_sqlalchemy(connection):
        driver = SqlAlchemyDriver(connection)
    else:
        driver = driver_over(connection)
    _require_transaction(driver)
    return driver


def sync_driver_in(connection: Any) -> SyncDriver:
    """The same for a connection that blocks."""
    driver: SyncDriver
    if _is_sync_driver(connection):
        driver = connection
    elif _is_of_sqlalchemy(connection):
        driver = SyncSqlAlchemyDriver(connection)
    else:
        driver = sync_driver_over(connection)
    _require_transaction(driver)
    return driver


def _is_sync_driver(connection: object) -> bool:
    fetch = getattr(connection, "fetch", None)
    return fetch is not None and not inspect.iscoroutinefunction(fetch)


def _is_of_sqlalchemy(connection: object) -> bool:
    return any(cls.__module__.partition(".")[0] == "sqlalchemy" for cls in type(connection).__mro__)


def _require_transaction(driver: object) -> None:
    if isinstance(driver, TransactionAwareness) and not driver.in_transaction:
        raise RuntimeError(TRANSACTION_NEEDED)
