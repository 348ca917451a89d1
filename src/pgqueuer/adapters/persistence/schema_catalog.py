"""What the database has of the declared objects, read once and freed from the names in use.

`declared_catalog` is the same view of a fresh installation. It comes from `schema/manifest.json`,
which a test makes anew from `schema/*.sql`; it is never edited.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

STATUS = "status"
"""The type of status columns, whatever the enum is called."""

RETIRED_STATUS = "retired status"
"""The enum that old releases used for the statistics."""

SPARE_INDEX = "pgq_rebuild_"
"""Begins the names of indexes that are to take the place of others."""

_DEFINITION = re.compile(r"CREATE (UNIQUE )?INDEX .*? USING (.*)", re.DOTALL)
_STORAGE_OPTIONS = re.compile(r" WITH \([^)]*\)")
_NEXT_VALUE = re.compile(r"nextval\(.*\)")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Column(_Part):
    """A column; `sequence` is the type of the sequence that it owns."""

    type: str
    not_null: bool
    default: str | None
    identity: bool
    generated: bool
    sequence: str | None

    @property
    def kind(self) -> str:
        """Where values come from that nobody gave."""
        if self.identity or self.generated:
            return "identity" if self.identity else "generated"
        return "serial" if self.default == "nextval" else "plain"


class Index(_Part):
    """An index; the definition begins with the access method, or with UNIQUE."""

    definition: str
    valid: bool


class Table(_Part):
    """A table; indexes go by what follows the table's name, others by their whole name."""

    name: str
    persistence: str
    columns: dict[str, Column]
    constraints: frozenset[str]
    indexes: dict[str, Index]

    @property
    def keyword(self) -> str:
        """The persistence as `DurabilityPolicy` says it."""
        return "UNLOGGED" if self.persistence == "u" else ""


class EnumType(_Part):
    """An enum; `users` counts what depends on it outside of the queue's own tables."""

    spelling: str
    labels: tuple[str, ...]
    users: int


class Function(_Part):
    """A function; `arguments` are its parameters with their defaults."""

    source: str
    arguments: str


class Trigger(_Part):
    """The trigger of the queue table; `kind` has the bits of pg_trigger.tgtype."""

    kind: int
    enabled: bool
    calls_function: bool


class Catalog(_Part):
    """All declared objects that are there; tables go by their settings field."""

    schema_exists: bool
    tables: dict[str, Table]
    enums: dict[str, EnumType]
    functions: dict[str, Function]
    trigger: Trigger | None
    fingerprint: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The statuses that the enum has; none when there is no enum."""
        status = self.enums.get("status_type")
        return status.labels if status else ()

    @property
    def is_installed(self) -> bool:
        """Whether there is any table or enum; a part of an installation counts."""
        return bool(self.tables or self.enums)

    def column(self, table: str, column: str) -> Column | None:
        """The column, or None when it or its table is missing."""
        found = self.tables.get(table)
        return found.columns.get(column) if found else None


@cache
def declared_catalog() -> Catalog:
    """What a fresh installation looks like."""
    path = files("pgqueuer.adapters.persistence") / "schema" / "manifest.json"
    return parse_catalog(path.read_text(encoding="utf-8"))


def parse_catalog(document: str, fingerprint: str = "") -> Catalog:
    """The result of `catalog/catalog.sql`, with names of this installation taken out."""
    raw = Catalog.model_validate_json(document)
    tables = {field: _neutral_table(table, raw.enums) for field, table in raw.tables.items()}
    return raw.model_copy(update={"tables": tables, "fingerprint": fingerprint})


def _neutral_table(table: Table, enums: dict[str, EnumType]) -> Table:
    columns = {name: _neutral_column(column, enums) for name, column in table.columns.items()}
    indexes = {
        _index_key(name, table): _neutral_index(index, enums)
        for name, index in table.indexes.items()
    }
    return table.model_copy(update={"columns": columns, "indexes": indexes})


def _index_key(name: str, table: Table) -> str:
    return name if name.startswith(SPARE_INDEX) else name.removeprefix(f"{table.name}_")


def _neutral_column(column: Column, enums: dict[str, EnumType]) -> Column:
    default = column.default and _NEXT_VALUE.sub("nextval", _neutral_casts(column.default, enums))
    return column.model_copy(update={"type": _neutral_type(column.type, enums), "default": default})


def _neutral_index(index: Index, enums: dict[str, EnumType]) -> Index:
    match = _DEFINITION.match(index.definition)
    unique, body = match.groups() if match else ("", index.definition)
    body = _STORAGE_OPTIONS.sub("", _neutral_casts(body, enums))
    return index.model_copy(update={"definition": (unique or "") + body})


def _neutral_type(spelling: str, enums: dict[str, EnumType]) -> str:
    names = {"status_type": STATUS, "retired_type": RETIRED_STATUS}
    known = {enum.spelling: names[field] for field, enum in enums.items()}
    return known.get(spelling, spelling)


def _neutral_casts(expression: str, enums: dict[str, EnumType]) -> str:
    status = enums.get("status_type")
    if status is None:
        return expression
    return re.sub(rf"::{re.escape(status.spelling)}(?![\w.])", f"::{STATUS}", expression)
