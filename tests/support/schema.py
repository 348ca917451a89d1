"""Schemas for tests: who manages one, and what the catalogs say about it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.schema_manager import SchemaManager
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import Driver

Snapshot = dict[str, dict[str, object]]

COLUMNS = """
SELECT
    class.relname || '.' || attribute.attname,
    array[
        format_type(attribute.atttypid, attribute.atttypmod),
        attribute.attnotnull::text,
        pg_get_expr(expression.adbin, expression.adrelid),
        attribute.attidentity::text
    ]
FROM pg_attribute AS attribute
JOIN pg_class AS class ON class.oid = attribute.attrelid AND class.relkind IN ('r', 'p')
LEFT JOIN pg_attrdef AS expression
    ON expression.adrelid = class.oid AND expression.adnum = attribute.attnum
WHERE attribute.attnum > 0
    AND NOT attribute.attisdropped
    AND class.relnamespace = $1::text::regnamespace
"""
RELATIONS = """
SELECT relname, relkind::text || relpersistence::text FROM pg_class
WHERE relnamespace = $1::text::regnamespace AND relkind <> 'c'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = $1"
CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = $1::text::regnamespace AND contype <> 'n'
"""
SEQUENCES = """
SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = $1
"""
LABELS = """
SELECT type.typname, array_agg(label.enumlabel::text ORDER BY label.enumlabel::text)
FROM pg_enum AS label
JOIN pg_type AS type ON type.oid = label.enumtypid
WHERE type.typnamespace = $1::text::regnamespace
GROUP BY type.typname
"""
FUNCTIONS = """
SELECT proname, array[pg_get_function_arguments(oid), pg_get_function_result(oid), prosrc]
FROM pg_proc WHERE pronamespace = $1::text::regnamespace
"""
TRIGGERS = """
SELECT tg.tgname, pg_get_triggerdef(tg.oid) FROM pg_trigger AS tg
JOIN pg_class AS class ON class.oid = tg.tgrelid
WHERE class.relnamespace = $1::text::regnamespace AND NOT tg.tgisinternal
"""
PARTS = {
    "columns": COLUMNS,
    "relations": RELATIONS,
    "indexes": INDEXES,
    "constraints": CONSTRAINTS,
    "sequences": SEQUENCES,
    "labels": LABELS,
    "functions": FUNCTIONS,
    "triggers": TRIGGERS,
}

ADVISORY_LOCKS = """
SELECT granted FROM pg_locks
WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Manager(SchemaManager):
    """A schema manager for one settings object."""

    def __init__(self, driver: Driver, settings: DBSettings | None = None) -> None:
        self.driver = driver
        self._settings = settings or DBSettings()

    @property
    def settings(self) -> DBSettings:
        return self._settings


@asynccontextmanager
async def connected_manager(
    dsn: str, settings: DBSettings | None = None
) -> AsyncIterator[tuple[Manager, asyncpg.Connection]]:
    """A manager over a connection of its own, and the connection."""
    connection = await asyncpg.connect(dsn)
    try:
        yield Manager(AsyncpgDriver(connection), settings), connection
    finally:
        await connection.close()


async def snapshot(connection: asyncpg.Connection, schema: str = "public") -> Snapshot:
    """All that the catalogs say about one schema, in no order that matters."""
    return {part: dict(await connection.fetch(query, schema)) for part, query in PARTS.items()}


def readable(catalog: Snapshot) -> str:
    """A snapshot as text, so that a failing comparison shows a diff."""
    return json.dumps(catalog, indent=1, sort_keys=True)
