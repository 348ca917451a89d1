from __future__ import annotations

from pathlib import Path

import pytest

from pgqueuer.adapters.embedded import wire
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from tests.support.postgres import TestPostgres


@pytest.fixture
def address(pg: TestPostgres) -> Path:
    parameters = pg.admin.info.get_parameters()
    if pg.bindir is None:
        pytest.skip("needs the embedded server")
    return Path(parameters["host"]) / f".s.PGSQL.{parameters.get('port', 5432)}"


def user_of(pg: TestPostgres) -> str:
    return pg.admin.info.user


def test_a_database_is_created_once(pg: TestPostgres, address: Path) -> None:
    name = f"{pg.prefix()}_wire"
    try:
        for _ in range(2):
            wire.create_database(address, user_of(pg), name)
        query = "SELECT count(*) FROM pg_database WHERE datname = %s"
        assert pg.admin.execute(query, (name,)).fetchone() == (1,)
    finally:
        pg.drop(name)


def test_a_refused_statement_is_told(pg: TestPostgres, address: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="zero-length delimited identifier"):
        wire.create_database(address, user_of(pg), "")


def test_a_refused_login_is_told(address: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match='role "stranger" does not exist'):
        wire.create_database(address, "stranger", "any")
