"""DDL as text, for scripts, migrations of the user's own and `pgq sql`.

Every statement begins in the first column and ends with a semicolon; a blank line lies between
two. The text depends on the settings and the version only, and has no newline at its end.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pgqueuer.adapters.persistence.schema_catalog import declared_catalog
from pgqueuer.adapters.persistence.schema_migrations import (
    FOLD,
    PAUSES_READABLE,
    label_migrations,
    last_migrations,
    late_migrations,
    table_migrations,
    wide_id_migrations,
)
from pgqueuer.adapters.persistence.schema_text import (
    TABLES,
    ObjectKind,
    SchemaObject,
    SchemaText,
    objects_of_kind,
    schema_objects,
)
from pgqueuer.adapters.persistence.sqltext import quote_identifier

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings, Durability

_CHANGING_TABLES = ("queue_table", "schedules_table", "pauses_table")
_ONCE_DEFINED_OTHERWISE = (
    "not_aggregated",
    "unique_count",
    "picked_heartbeat_idx",
    "created",
    "status",
)
_CAST = re.compile(r"::[\w.\"]+")


def script(statements: Iterable[str]) -> str:
    """Statements as one text."""
    return "\n\n".join(f"{statement};" for statement in statements)


def provenance(settings: DBSettings) -> str:
    """A comment line that says what a script was made from."""
    return (
        f"-- pgqueuer {_version()} -- prefix={settings.prefix!r} "
        f"schema={settings.db_schema!r} durability={settings.durability.value}"
    )


def advisory_key(settings: DBSettings) -> int:
    """The key of the advisory lock under which a schema is changed."""
    return zlib.crc32(settings.qualified.queue_table.encode())


def render_install(settings: DBSettings, *, create_schema: bool = True) -> str:
    """The whole schema; fails where any of it is there already."""
    return f"{provenance(settings)}\n{script(install_statements(settings, create_schema))}"


def render_uninstall(settings: DBSettings) -> str:
    """Drops everything, jobs and history too, and leaves the schema itself."""
    return script(uninstall_statements(settings))


def render_upgrade(settings: DBSettings) -> str:
    """Brings any older schema up to date without looking at it first; may be run again.

    Statements run one a transaction. What only a look can tell is left out: NOT NULL and DEFAULT
    of existing columns, and indexes that someone defined otherwise.
    """
    return script(_upgrade_statements(settings))


def render_durability(settings: DBSettings, level: Durability) -> str:
    """Sets what a crash may cost, by rewriting the tables whose persistence changes."""
    return script(durability_statements(settings.model_copy(update={"durability": level})))


def render_autovac(settings: DBSettings, rollback: bool = False) -> str:
    """Suits autovacuum to a queue, or goes back to the defaults of the server."""
    return script(autovacuum_statements(settings, rollback))


def install_statements(settings: DBSettings, create_schema: bool = True) -> Iterator[str]:
    """The statements of `render_install`."""
    text = SchemaText(settings)
    if settings.db_schema is not None and create_schema:
        yield text.ddl("create_schema")
    yield from (text.create(item) for item in schema_objects())


def uninstall_statements(settings: DBSettings) -> Iterator[str]:
    """The statements of `render_uninstall`."""
    text = SchemaText(settings)
    yield text.ddl("drop_trigger")
    yield text.ddl("drop_function")
    yield text.ddl("drop_enqueue_function")
    yield from (text.ddl("drop_table", table=text.name(field)) for field in TABLES)
    yield text.ddl("drop_type", type=text.name("queue_status_type"))
    yield text.ddl("drop_type", type=text.name("retired_type"))


def durability_statements(settings: DBSettings) -> Iterator[str]:
    """Sets every table to what `settings.durability` says."""
    text = SchemaText(settings)
    for field in TABLES:
        action = "set_unlogged" if text.persistence(field) else "set_logged"
        yield text.ddl(action, table=text.name(field))


def autovacuum_statements(settings: DBSettings, rollback: bool = False) -> Iterator[str]:
    """The statements of `render_autovac`."""
    text = SchemaText(settings)
    verb = "reset_autovacuum" if rollback else "autovacuum"
    for field in TABLES:
        habit = "changing" if field in _CHANGING_TABLES else "growing"
        yield text.ddl(f"{verb}_of_{habit}_table", table=text.name(field))


def _upgrade_statements(settings: DBSettings) -> Iterator[str]:
    text = SchemaText(settings)
    wide = wide_id_migrations() if settings.widen_id else ()
    if settings.db_schema is not None:
        yield text.ddl("create_schema")
    yield from _created_unless_there(text, "type")
    yield from (migration.statement(text) for migration in label_migrations())
    yield from _created_unless_there(text, "table")
    yield text.migration(PAUSES_READABLE)
    yield from (migration.statement(text) for migration in (*table_migrations(), *wide))
    yield _default_of(text, "statistics_table", "created")
    yield from (migration.statement(text) for migration in late_migrations())
    for item in objects_of_kind("index"):
        if item.suffix in _ONCE_DEFINED_OTHERWISE:
            yield _drop_if_defined_otherwise(text, item)
    yield text.migration(FOLD)
    yield from _created_unless_there(text, "index")
    yield from (text.create(item) for item in objects_of_kind("function"))
    yield from (text.create(item) for item in objects_of_kind("trigger"))
    yield from (migration.statement(text) for migration in last_migrations())


def _created_unless_there(text: SchemaText, kind: ObjectKind) -> Iterator[str]:
    return (text.create_unless_exists(item) for item in objects_of_kind(kind))


def _default_of(text: SchemaText, table: str, column: str) -> str:
    declared = declared_catalog().tables[table].columns[column].default
    return text.default(table, column, declared or "NULL")


def _drop_if_defined_otherwise(text: SchemaText, item: SchemaObject) -> str:
    declared = declared_catalog().tables[item.table].indexes[item.suffix].definition
    index = text.index(item.table, text.index_name(item))
    return text.ddl(
        "drop_index_unless_defined",
        index=index,
        index_regclass=quote_identifier(index),
        definition=_CAST.sub("", declared.removeprefix("UNIQUE ")),
    )


def _version() -> str:
    try:
        return version("pgqueuer")
    except PackageNotFoundError:
        return "0.0.0"
