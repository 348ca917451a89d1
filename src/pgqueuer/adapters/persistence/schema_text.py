"""The text of every DDL statement, from the files beside this module.

- `schema/`: the truth, one object a file, created in the order of the file names;
- `migrations/`: the path from older schemas; each may be run again at any time;
- `ddl/`: the other statements, one a file, named for what they do;
- `roles/`: what the roles of producers, workers and readers are given;
- `catalog/`: what is asked of the system catalogs.

Identifiers and literals come in through psql's markers, see `sqltext`. What is neither, a keyword
or an expression, has psql's bare marker: ``CREATE :persistence TABLE``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, cast

from pgqueuer.adapters.persistence.sqltext import (
    quote_identifier,
    read_sql,
    render,
    sql_names,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgqueuer.domain.settings import DBSettings

ObjectKind = Literal["type", "table", "index", "function", "trigger"]
NUMBERED_TABLES = ("queue_table", "queue_table_log", "statistics_table", "schedules_table")
"""The tables whose rows have ids, by the settings field that names them."""

TABLES = (*NUMBERED_TABLES, "pauses_table")
"""All tables, by the settings field that names them."""

RETIRED_INDEX = "heartbeat_id_id1_idx"
"""What follows the queue table's name in the index that upgrades of old releases made."""

RETIRED_UPDATED_INDEX = "updated_id_id1_idx"
"""The same of the index of picked jobs by their last change, which no query of 1.6 or ours uses."""

RETIRED_OWNER_INDEX = "queue_manager_id_idx"
"""The same of the index of what a worker holds, which `picked_heartbeat_idx` tells too."""

RETIRED_PRIORITY_INDEX = "priority_id_id1_idx"
"""The same of the index of the backlog by priority: claims of 1.6 and ours go by entrypoint."""

_KEYWORD = re.compile(r"(?<![:\w]):([a-z]+)\b( ?)")
_CREATE = re.compile(r"^CREATE ((?:UNLOGGED )?TABLE|(?:UNIQUE )?INDEX) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaObject:
    """A file of `schema/`: ``NN_kind``, ``NN_table_FIELD`` or ``NN_KIND_FIELD__SUFFIX``."""

    file: str
    kind: ObjectKind
    table: str
    suffix: str

    @property
    def function_field(self) -> str:
        """How the catalog calls a function."""
        return f"{self.suffix}_function" if self.suffix else "function"


@cache
def schema_objects() -> tuple[SchemaObject, ...]:
    """Everything that an installation consists of, in the order of creation."""
    folder = files("pgqueuer.adapters.persistence") / "schema"
    names = (entry.name for entry in folder.iterdir())
    return tuple(
        _schema_object(name.removesuffix(".sql")) for name in sorted(names) if name.endswith(".sql")
    )


def _schema_object(file: str) -> SchemaObject:
    _, kind, *rest = file.split("_", 2)
    table, _, suffix = "".join(rest).partition("__")
    return SchemaObject(file=file, kind=cast("ObjectKind", kind), table=table, suffix=suffix)


def objects_of_kind(kind: ObjectKind) -> tuple[SchemaObject, ...]:
    """The objects of one kind, in the order of creation."""
    return tuple(item for item in schema_objects() if item.kind == kind)


class SchemaText:
    """The statements for one settings object, without the semicolon at the end."""

    def __init__(self, settings: DBSettings) -> None:
        self.settings = settings
        self._names = schema_names(settings)

    def name(self, field: str) -> str:
        """The qualified name of what a settings field names, not quoted."""
        return self._names[field]

    def index(self, table: str, name: str) -> str:
        """The qualified name of an index of `table`; indexes live beside their table."""
        schema, dot, _ = self.name(table).rpartition(".")
        return schema + dot + name

    def index_name(self, item: SchemaObject) -> str:
        """The bare name of a declared index."""
        return f"{self._names[item.table + '_name']}_{item.suffix}"

    def function_name(self, item: SchemaObject) -> str:
        """The name of a declared function, as the settings say it."""
        if not item.suffix:
            return self.settings.function
        return f"{getattr(self.settings, item.table)}_{item.suffix}"

    def persistence(self, table: str) -> str:
        """The keyword that the durability setting asks for: empty, or UNLOGGED."""
        if table == "pauses_table":
            return ""  # a crash must not resume what somebody paused
        policy = self.settings.durability.config
        field = "queue_log_table" if table == "queue_table_log" else table
        return str(getattr(policy, field))

    def ddl(self, name: str, *, expression: str = "", **names: str) -> str:
        """The statement `ddl/<name>.sql`; `names` are those that the settings do not have."""
        return self._fill("ddl", name, {"expression": expression}, names)

    def migration(self, name: str, **names: str) -> str:
        """The statement `migrations/<name>.sql`."""
        return self._fill("migrations", name, {}, names)

    def role(self, name: str, **names: str) -> str:
        """The statement `roles/<name>.sql`."""
        return self._fill("roles", name, {}, names)

    def catalog(self, name: str, *, catalog: str = "", **names: str) -> str:
        """The query `catalog/<name>.sql`."""
        return self._fill("catalog", name, {"catalog": catalog}, names)

    def create(self, item: SchemaObject) -> str:
        """The statement that creates a declared object."""
        persistence = self.persistence(item.table) if item.kind == "table" else ""
        return self._fill("schema", item.file, {"persistence": persistence}, {})

    def create_unless_exists(self, item: SchemaObject) -> str:
        """As `create`, doing nothing where an object of that name is there already."""
        statement = self.create(item)
        if item.kind == "type":
            return self.ddl("create_type_unless_exists", statement=statement)
        return _CREATE.sub(r"CREATE \1 IF NOT EXISTS ", statement)

    def default(self, table: str, column: str, expression: str) -> str:
        """The statement that gives a column its declared default, spelled as in the manifest."""
        status = quote_identifier(self.name("queue_status_type"))
        return self.ddl(
            "set_default",
            table=self.name(table),
            column=column,
            expression=expression.replace("::status", f"::{status}"),
        )

    def create_index_as(self, item: SchemaObject, name: str) -> str:
        """A declared index under another name."""
        own = quote_identifier(self.index_name(item))
        return self.create(item).replace(f"INDEX {own} ON", f"INDEX {quote_identifier(name)} ON", 1)

    def _fill(
        self, folder: str, name: str, keywords: Mapping[str, str], names: Mapping[str, str]
    ) -> str:
        text = fill_keywords(read_sql(folder, name), keywords)
        return render(text, {**self._names, **names})


def schema_names(settings: DBSettings) -> dict[str, str]:
    """What the markers of DDL stand for, not yet quoted.

    Besides `sql_names`, each name has its parts: `queue_table_schema` (empty where the connection
    decides) beside `queue_table_name`.
    """
    names = sql_names(settings)
    retired = settings.qualify(settings.legacy_statistics_status_type)
    names |= {"retired_type": retired, "retired_type_name": retired.rpartition(".")[2]}
    names["retired_index"] = f"{names['queue_table']}_{RETIRED_INDEX}"
    names["retired_owner_index"] = f"{names['queue_table']}_{RETIRED_OWNER_INDEX}"
    names["retired_priority_index"] = f"{names['queue_table']}_{RETIRED_PRIORITY_INDEX}"
    names["retired_updated_index"] = f"{names['queue_table']}_{RETIRED_UPDATED_INDEX}"
    qualified = [*settings.qualified.__dataclass_fields__, "retired_type"]
    return names | {f"{field}_schema": names[field].rpartition(".")[0] for field in qualified}


def fill_keywords(text: str, keywords: Mapping[str, str]) -> str:
    """Put in keywords and expressions as they are; an empty one takes its blank along.

    Raises LookupError for a bare marker without a value.
    """

    def fill(match: re.Match[str]) -> str:
        if match[1] not in keywords:
            raise LookupError(f"unknown marker :{match[1]} in an SQL file")
        value = keywords[match[1]]
        return value + match[2] if value else ""

    return _KEYWORD.sub(fill, text)
