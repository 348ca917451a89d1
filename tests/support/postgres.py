"""Databases for tests on one PostgreSQL server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

PREFIX = "pgqtest"
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "max_connections": "300",
    "jit": "off",
}


@dataclass(kw_only=True)
class TestPostgres:
    """The server that the tests run on; `bindir` is None when a DSN named the server."""

    __test__ = False

    admin_dsn: str
    bindir: Path | None
    admin: psycopg.Connection = field(repr=False)

    @property
    def major(self) -> int:
        """The server's major version, such as 18."""
        return self.admin.info.server_version // 10_000

    def dsn(self, database: str) -> str:
        """The URI of another database of the server."""
        return to_uri({**conninfo_to_dict(self.admin_dsn), "dbname": database})

    def create(self, template: str = "template0") -> str:
        """Creates a database and returns its name."""
        name = f"{self.prefix()}_{uuid.uuid4().hex[:16]}"
        strategy = " STRATEGY file_copy" if self.major >= 15 else ""
        statement = f"CREATE DATABASE {{}} TEMPLATE {{}}{strategy}"
        self.execute(statement, name, template)
        return name

    def drop(self, name: str) -> None:
        """Drops a database and throws its users out."""
        self.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """A database for a while; gives its name."""
        name = self.create(template)
        try:
            yield name
        finally:
            self.drop(name)

    def drop_leftovers(self) -> None:
        """Drops what killed test runs left before the server was last started."""
        found = self.admin.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
            " AND NOT starts_with(datname, %s)",
            (PREFIX, self.prefix()),
        ).fetchall()
        for (name,) in found:
            self.drop(name)

    def prefix(self) -> str:
        """What the names of databases begin with for as long as the server runs."""
        query = "SELECT extract(epoch FROM pg_postmaster_start_time())::bigint"
        row = self.admin.execute(query).fetchone()
        assert row is not None
        return f"{PREFIX}{row[0]}"

    def execute(self, statement: str, *names: str) -> None:
        """Runs a statement with these identifiers in it."""
        self.admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def to_uri(parts: dict[str, object]) -> str:
    """The connection parameters as a URI that asyncpg and psycopg accept."""
    rest = {name: str(value) for name, value in parts.items() if value is not None}
    user = quote(rest.pop("user", ""), safe="")
    password = rest.pop("password", None)
    login = user if password is None else f"{user}:{quote(password, safe='')}"
    database = quote(rest.pop("dbname", ""), safe="")
    return f"postgresql://{login}{'@' if login else ''}/{database}?{urlencode(rest)}"


@contextmanager
def connected(admin_dsn: str, bindir: Path | None) -> Iterator[TestPostgres]:
    """The server behind a DSN whose user may create databases."""
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        yield TestPostgres(admin_dsn=admin_dsn, bindir=bindir, admin=admin)
