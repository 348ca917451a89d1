"""Databases in which the roles of `pgq sql grants` exist."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from pgqueuer.adapters.persistence.grants import Roles, grant_statements
from pgqueuer.domain.settings import DBSettings
from tests.support.postgres import TestPostgres

PUBLIC_TAKEN = """
REVOKE ALL ON SCHEMA public FROM public;
REVOKE ALL ON TYPE pgqueuer_status FROM public;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM public;
"""


@dataclass(frozen=True, kw_only=True)
class Granted:
    """A database to copy, in which nobody may do anything but the roles, and their names."""

    template: str
    roles: dict[str, str]


@pytest.fixture(scope="session")
def granted(pg: TestPostgres, queue_template: str) -> Iterator[Granted]:
    """Roles belong to the whole server, so each run of the tests has its own."""
    mark = f"pgqtest_{uuid.uuid4().hex[:12]}"
    names = {part: f"{mark}_{part}" for part in ("producer", "worker", "reader")}
    both = f"{mark}_both"
    with pg.database(queue_template) as template:
        with psycopg.connect(pg.dsn(template), autocommit=True) as admin:
            admin.execute(PUBLIC_TAKEN)
            for statement in grant_statements(DBSettings(), Roles(**names)):
                admin.execute(statement)
            admin.execute(
                sql.SQL("CREATE ROLE {0}; GRANT {1}, {2} TO {0}").format(
                    *map(sql.Identifier, (both, names["producer"], names["worker"]))
                )
            )
        yield Granted(template=template, roles=names | {"both": both})
    for name in (both, *names.values()):
        pg.execute("DROP ROLE {}", name)


@pytest.fixture
def granted_dsn(pg: TestPostgres, granted: Granted) -> Iterator[str]:
    """The DSN of the owner of a fresh database with the roles in it."""
    with pg.database(granted.template) as name:
        yield pg.dsn(name)


@pytest.fixture
def dsn_of(granted: Granted, granted_dsn: str) -> Callable[[str], str]:
    """The DSN by which a session has the rights of a role: producer, worker, reader or both."""

    def dsn_of(part: str) -> str:
        options = quote(f"-crole={granted.roles[part]}", safe="")
        return f"{granted_dsn}{'&' if '?' in granted_dsn else '?'}options={options}"

    return dsn_of
