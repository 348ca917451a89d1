"""Jobs over the connections that Django manages, in its transactions."""

from __future__ import annotations

import threading

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections

from pgqueuer.adapters.drivers.borrowed import sync_driver_over
from pgqueuer.adapters.persistence.sync_queries import SyncQueries
from pgqueuer.ports.driver import SyncDriver


def queue(using: str = DEFAULT_DB_ALIAS) -> SyncQueries:
    """The queue in one of Django's databases.

    What is enqueued inside `transaction.atomic` exists if, and only if, that commits.
    """
    return SyncQueries(DjangoDriver(using))


class DjangoDriver:
    """A driver for producers over Django's connection of the current thread.

    Errors are those of `django.db`, except that a violated constraint raises the error of the
    database's driver. Raises ImproperlyConfigured for a database that is not PostgreSQL.
    """

    def __init__(self, using: str = DEFAULT_DB_ALIAS) -> None:
        self._using = using
        self._last = threading.local()

    @property
    def in_transaction(self) -> bool:
        """Whether the current thread is inside `transaction.atomic`, or not in autocommit mode."""
        wrapper = connections[self._using]
        return wrapper.in_atomic_block or not wrapper.get_autocommit()

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        wrapper = connections[self._using]
        if wrapper.vendor != "postgresql":
            raise ImproperlyConfigured(
                f"The queue needs PostgreSQL, but the database {self._using!r} is {wrapper.vendor}"
            )
        wrapper.validate_no_broken_transaction()
        wrapper.ensure_connection()
        try:
            with wrapper.wrap_database_errors:
                return self._driver(wrapper.connection).fetch(query, *args)
        except IntegrityError as error:
            # Only this one tells which key of which index it was.
            if error.__cause__ is None:
                raise
            raise error.__cause__ from None

    def _driver(self, connection: object) -> SyncDriver:
        """The driver over the connection; a thread keeps it as long as its connection."""
        if getattr(self._last, "connection", None) is not connection:
            self._last.driver = sync_driver_over(connection)
            self._last.connection = connection
        driver: SyncDriver = self._last.driver
        return driver
