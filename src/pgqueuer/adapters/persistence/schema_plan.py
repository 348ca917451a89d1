"""What an upgrade has to do: the difference between the catalog and the declared schema.

Steps come in an order in which each finds what it builds on. The statements of one step take
effect together. A plan is made again after every step, so that whatever is interrupted is
finished by the next run.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgqueuer.adapters.persistence.schema_catalog import (
    RETIRED_STATUS,
    SPARE_INDEX,
    STATUS,
    Catalog,
    Column,
    Table,
    declared_catalog,
)
from pgqueuer.adapters.persistence.schema_migrations import (
    FOLD,
    PAUSES_READABLE,
    Migration,
    label_migrations,
    last_migrations,
    late_migrations,
    table_migrations,
    wide_id_migrations,
)
from pgqueuer.adapters.persistence.schema_text import (
    SchemaObject,
    SchemaText,
    objects_of_kind,
)
from pgqueuer.domain.errors import SchemaDriftError

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings

Step = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The statements that bring a database up to date, and what its owner should know.

    No statements means up to date, whatever the notes say.
    """

    statements: tuple[str, ...]
    notes: tuple[str, ...]


def upgrade_steps(settings: DBSettings, live: Catalog) -> list[Step]:
    """The steps from `live` to the declared schema.

    Raises SchemaDriftError for a column type that nothing converts.
    """
    return list(_Planner(settings, live).steps())


class _Planner:
    def __init__(self, settings: DBSettings, live: Catalog) -> None:
        self.settings = settings
        self.live = live
        self.text = SchemaText(settings)

    def steps(self) -> Iterator[Step]:
        yield from self._namespace()
        yield from self._status_type()
        yield from self._missing_tables()
        yield from self._pending(table_migrations())
        yield from self._columns()
        if self.settings.widen_id:
            yield from self._pending(wide_id_migrations())
        yield from self._pending(late_migrations())
        yield from self._indexes()
        yield from self._functions()
        yield from self._trigger()
        yield from self._pending(last_migrations())

    def _namespace(self) -> Iterator[Step]:
        if self.settings.db_schema is not None and not self.live.schema_exists:
            yield (self.text.ddl("create_schema"),)

    def _status_type(self) -> Iterator[Step]:
        if "status_type" not in self.live.enums:
            yield from ((self.text.create(item),) for item in objects_of_kind("type"))
        yield from self._pending(label_migrations())

    def _missing_tables(self) -> Iterator[Step]:
        for table in objects_of_kind("table"):
            if table.table not in self.live.tables:
                indexes = [item for item in objects_of_kind("index") if item.table == table.table]
                created = [self.text.create(item) for item in (table, *indexes)]
                if table.table == "pauses_table":
                    created.append(self.text.migration(PAUSES_READABLE))
                yield tuple(created)

    def _pending(self, migrations: Iterable[Migration]) -> Iterator[Step]:
        for migration in migrations:
            if migration.pending(self.live):
                yield (migration.statement(self.text),)

    def _columns(self) -> Iterator[Step]:
        for field, table in declared_catalog().tables.items():
            for name, declared in table.columns.items():
                live = self.live.column(field, name)
                if live is not None:
                    check_type(self.settings, field, name, live, declared)
                    yield from self._column(field, name, live, declared)

    def _column(self, table: str, name: str, live: Column, declared: Column) -> Iterator[Step]:
        if differs_in_default(live, declared) and declared.default:
            yield (self.text.default(table, name, declared.default),)
        if live.not_null != declared.not_null:
            action = "set_not_null" if declared.not_null else "drop_not_null"
            yield (self.text.ddl(action, table=self.text.name(table), column=name),)

    def _indexes(self) -> Iterator[Step]:
        for item in objects_of_kind("index"):
            table = self.live.tables.get(item.table)
            if table is not None:
                yield from self._index(item, table)

    def _index(self, item: SchemaObject, table: Table) -> Iterator[Step]:
        name = self.text.index_name(item)
        spare = spare_name(name)
        has_spare = spare in table.indexes
        if has_index(item, table, item.suffix):
            if has_spare:
                yield (self._drop_index(item, spare),)
            return
        if item.suffix not in table.indexes and not has_spare:
            yield self._build_index(item, name)
            return
        if has_spare and not has_index(item, table, spare):
            yield (self._drop_index(item, spare),)
            has_spare = False
        if not has_spare:
            yield self._build_index(item, spare)
        yield self._swap_in(item, spare, name)

    def _build_index(self, item: SchemaObject, name: str) -> Step:
        build = self.text.create_index_as(item, name)
        if item.suffix != "unique_count":
            return (build,)
        return (self.text.migration(FOLD), build)

    def _swap_in(self, item: SchemaObject, spare: str, name: str) -> Step:
        rename = self.text.ddl(
            "rename_index", index=self.text.index(item.table, spare), new_name=name
        )
        return (self._drop_index(item, name), rename)

    def _drop_index(self, item: SchemaObject, name: str) -> str:
        return self.text.ddl("drop_index", index=self.text.index(item.table, name))

    def _functions(self) -> Iterator[Step]:
        for item in objects_of_kind("function"):
            statement = self.text.create(item)
            if has_function(item, self.live, statement):
                continue
            if item.suffix and item.function_field in self.live.functions:
                yield (self.text.ddl(f"drop_{item.function_field}"), statement)
            else:
                yield (statement,)

    def _trigger(self) -> Iterator[Step]:
        if not has_trigger(self.live):
            yield from ((self.text.create(item),) for item in objects_of_kind("trigger"))


def check_type(
    settings: DBSettings, table: str, column: str, live: Column, declared: Column
) -> None:
    """Raise SchemaDriftError unless the type is the declared one or is converted to it."""
    if live.type == declared.type or converts(table, column, live, declared):
        return
    raise SchemaDriftError(
        table=getattr(settings, table),
        column=column,
        installed=type_name(settings, live),
        declared=type_name(settings, declared),
    )


def converts(table: str, column: str, live: Column, declared: Column) -> bool:
    """Whether an upgrade changes the one type into the other."""
    if (table, column) == ("statistics_table", "status"):
        return live.type == RETIRED_STATUS
    same_kind = live.kind == declared.kind
    return column == "id" and live.type == "integer" and same_kind


def type_name(settings: DBSettings, column: Column) -> str:
    """The type of a column as its owner knows it."""
    enums = {
        STATUS: settings.qualified.queue_status_type,
        RETIRED_STATUS: settings.legacy_statistics_status_type,
    }
    return enums.get(column.type, column.type)


def differs_in_default(live: Column, declared: Column) -> bool:
    """Whether a declared default is missing; ids and defaults of the owner's do not count."""
    return declared.kind == "plain" and declared.default not in (None, live.default)


def has_index(item: SchemaObject, table: Table, key: str) -> bool:
    """Whether `table` has, under `key`, a usable index with the definition of `item`."""
    declared = declared_catalog().tables[item.table].indexes[item.suffix]
    return table.indexes.get(key) == declared


def spare_name(index: str) -> str:
    """The name under which an index is built before it takes the place of another."""
    return f"{SPARE_INDEX}{zlib.crc32(index.encode()):08x}"


def has_function(item: SchemaObject, live: Catalog, statement: str) -> bool:
    """Whether the function in place says the same as the declared one, blanks apart."""
    declared = declared_catalog().functions[item.function_field]
    found = live.functions.get(item.function_field)
    return (
        found is not None
        and found.arguments == declared.arguments
        and found.source.split() == _body(statement).split()
    )


def _body(statement: str) -> str:
    return statement.split("$function$")[1]


def has_trigger(live: Catalog) -> bool:
    """Whether the trigger fires on what is declared and calls the function."""
    declared = declared_catalog().trigger
    trigger = live.trigger
    return (
        trigger is not None
        and declared is not None
        and trigger.kind == declared.kind
        and trigger.calls_function
    )
