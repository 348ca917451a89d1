"""The manifest is the catalog of a fresh installation, on every version of PostgreSQL.

After a change in `schema/*.sql`, PGQUEUER_UPDATE_MANIFEST=1 makes this test write it anew.
"""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

from pgqueuer.adapters.persistence.schema_catalog import declared_catalog, parse_catalog
from pgqueuer.adapters.persistence.schema_migrations import (
    FOLD,
    PAUSES_READABLE,
    label_migrations,
    last_migrations,
    late_migrations,
    table_migrations,
    wide_id_migrations,
)
from pgqueuer.adapters.persistence.schema_text import SchemaText, schema_objects
from pgqueuer.domain.settings import DBSettings
from tests.support.schema import connected_manager

PERSISTENCE = Path(str(files("pgqueuer.adapters.persistence")))
MANIFEST = PERSISTENCE / "schema" / "manifest.json"


async def test_the_manifest_is_the_catalog_of_a_fresh_installation(dsn: str) -> None:
    async with connected_manager(dsn) as (manager, connection):
        await manager.install()
        document = await connection.fetchval(SchemaText(DBSettings()).catalog("catalog"))
    if os.environ.get("PGQUEUER_UPDATE_MANIFEST"):
        text = json.dumps(json.loads(document), indent=2, sort_keys=True)
        MANIFEST.write_text(text + "\n", encoding="utf-8")
        declared_catalog.cache_clear()
    assert parse_catalog(document) == declared_catalog()


def test_every_declared_object_is_in_the_manifest_and_the_other_way_round() -> None:
    declared = declared_catalog()
    indexes = {(item.table, item.suffix) for item in schema_objects() if item.kind == "index"}
    assert set(declared.tables) == {item.table for item in schema_objects() if item.kind == "table"}
    behind_constraints = {"pkey", "expression_entrypoint_key"}
    assert indexes == {
        (field, name)
        for field, table in declared.tables.items()
        for name in table.indexes
        if name not in behind_constraints
    }


def test_every_migration_is_on_the_path_and_in_order() -> None:
    on_path = [
        *label_migrations(),
        *table_migrations(),
        *wide_id_migrations(),
        *late_migrations(),
    ]
    names = [migration.name for migration in on_path]
    assert names == sorted(names)
    names += [FOLD, PAUSES_READABLE, *(migration.name for migration in last_migrations())]
    assert set(names) == {path.stem for path in (PERSISTENCE / "migrations").glob("*.sql")}


def test_no_migration_is_pending_on_a_fresh_installation() -> None:
    path = [
        *label_migrations(),
        *table_migrations(),
        *wide_id_migrations(),
        *late_migrations(),
        *last_migrations(),
    ]
    assert [each.name for each in path if each.pending(declared_catalog())] == []
