"""A database that nobody can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.postgres import TestPostgres


@contextmanager
def closed(pg: TestPostgres, dsn: str) -> Iterator[None]:
    """Throw everybody out of the database of `dsn`, and let nobody in until the end."""
    name = str(conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(pg.admin_dsn, autocommit=True) as admin:
        let_in(admin, name, "false")
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            let_in(admin, name, "true")


def let_in(admin: psycopg.Connection, name: str, whether: str) -> None:
    """Allow connections to a database, or not."""
    change = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    admin.execute(change.format(sql.Identifier(name), sql.SQL(whether)))
