"""A fresh database for every test, on the server that PGQUEUER_TEST_DSN names, else a new one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgqueuer.adapters import embedded


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    named = os.environ.get("PGQUEUER_TEST_DSN")
    if named:
        yield named
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.start(Path(folder), options={"fsync": "off"}) as share,
    ):
        yield share.dsn("postgres")


@pytest.fixture(scope="session")
def queue_template(server: str) -> Iterator[str]:
    """A database with the queue's schema, which the driver installed."""
    with database(server) as dsn:
        subprocess.run(
            [sys.executable, "-m", "pgqueuer", "--driver", "psqlpy", "install"],
            env={**os.environ, "PGQUEUER_DSN": dsn},
            check=True,
            timeout=60,
        )
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def dsn(server: str) -> Iterator[str]:
    """An empty database."""
    with database(server) as dsn:
        yield dsn


@pytest.fixture
def queue_dsn(server: str, queue_template: str) -> Iterator[str]:
    """A database with the queue's schema."""
    with database(server, queue_template) as dsn:
        yield dsn


@contextmanager
def database(server: str, template: str = "template0") -> Iterator[str]:
    """The DSN of a database for a while, in libpq's form of keywords."""
    name = f"test_psqlpy_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template)))
        )
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
