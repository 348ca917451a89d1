"""Every SQL file is accepted by PostgreSQL, and no marker is left in it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from pgqueuer.adapters.persistence.schema_ddl import (
    autovacuum_statements,
    durability_statements,
    install_statements,
    render_upgrade,
    uninstall_statements,
)
from pgqueuer.adapters.persistence.schema_text import SchemaText
from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.domain.settings import DBSettings, Durability
from tests.support.schema import connected_manager

PERSISTENCE = Path(str(files("pgqueuer.adapters.persistence")))
SETTINGS = {
    "defaults": DBSettings(),
    "names that need quotes": DBSettings(prefix="Acme", db_schema="tenant"),
}
MARKER = re.compile(r"""(?<!:):(?!=|:)(?:"\w|'\w|[A-Za-z])""")


def stems(folder: str) -> list[str]:
    return sorted(path.stem for path in (PERSISTENCE / folder).glob("*.sql"))


@asynccontextmanager
async def installed(dsn: str, settings: DBSettings) -> AsyncIterator[asyncpg.Connection]:
    async with connected_manager(dsn, settings) as (manager, connection):
        await manager.install()
        yield connection


async def prepare(connection: asyncpg.Connection, name: str, statement: str) -> None:
    try:
        await connection.prepare(statement)
    except asyncpg.PostgresError as error:
        pytest.fail(f"{name}.sql: {error}")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
async def test_every_query_can_be_prepared(dsn: str, settings: DBSettings) -> None:
    statements = Statements(settings)
    names = stems("sql")
    assert names
    async with installed(dsn, settings) as connection:
        for name in names:
            assert not MARKER.search(statements[name]), f"a marker is left in {name}"
            await prepare(connection, name, statements[name])


async def test_every_query_finds_a_schema_that_is_set_whatever_the_search_path(dsn: str) -> None:
    settings = SETTINGS["names that need quotes"]
    statements = Statements(settings)
    async with installed(dsn, settings) as connection:
        await connection.execute("SET search_path TO ''")
        for name in stems("sql"):
            await prepare(connection, name, statements[name])


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
async def test_every_question_to_the_catalogs_can_be_prepared(
    dsn: str, settings: DBSettings
) -> None:
    text = SchemaText(settings)
    async with installed(dsn, settings) as connection:
        for name in stems("catalog"):
            catalog = text.catalog("catalog")
            statement = text.catalog(name, catalog=catalog, fingerprint="none", key="1")
            assert not MARKER.search(statement), f"a marker is left in {name}"
            if name == "guard":
                with pytest.raises(asyncpg.SerializationError):
                    await connection.execute(statement)
            else:
                await prepare(connection, name, statement)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
async def test_all_ddl_is_accepted(dsn: str, settings: DBSettings) -> None:
    volatile = settings.model_copy(update={"durability": Durability.volatile})
    async with installed(dsn, settings) as connection:
        for statement in (
            *render_upgrade(settings).split(";\n\n"),
            *durability_statements(volatile),
            *durability_statements(settings),
            *autovacuum_statements(settings),
            *autovacuum_statements(settings, rollback=True),
            *uninstall_statements(settings),
            *install_statements(volatile),
        ):
            assert not MARKER.search(re.sub(r"'[^']*'", "''", statement))
            await connection.execute(statement)


@pytest.mark.parametrize("folder", ["sql", "catalog"])
def test_every_query_says_what_it_promises(folder: str) -> None:
    silent = [
        name
        for name in stems(folder)
        if not (PERSISTENCE / folder / f"{name}.sql").read_text(encoding="utf-8").startswith("-- ")
    ]
    assert silent == []
