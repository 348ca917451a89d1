"""Where an installation differs from the declared schema, for `pgq verify`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pgqueuer.adapters.persistence.schema_catalog import (
    Catalog,
    Column,
    Table,
    declared_catalog,
)
from pgqueuer.adapters.persistence.schema_migrations import SCHEDULES_UNIQUE
from pgqueuer.adapters.persistence.schema_notes import PRIMARY_KEYS
from pgqueuer.adapters.persistence.schema_plan import (
    converts,
    differs_in_default,
    has_function,
    has_index,
    has_trigger,
    type_name,
)
from pgqueuer.adapters.persistence.schema_text import TABLES, SchemaText, objects_of_kind

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings

Problem = Literal["missing", "different", "disabled", "unexpected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """An object that is not as declared, and the command that mends it.

    `kind` is table, column, constraint, index, enum, enum value, function or trigger. `detail`
    says what is there instead, where that helps.
    """

    kind: str
    name: str
    problem: Problem
    remedy: str
    detail: str = ""

    def __str__(self) -> str:
        """One line: what is wrong, and what to run."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.problem} {self.kind} {self.name!r}{detail}; run: {self.remedy}"


def divergences(settings: DBSettings, live: Catalog) -> list[Divergence]:
    """What is missing or different; empty when workers and `pgq upgrade` are content."""
    return list(_Verification(settings, live).all())


def leftovers(settings: DBSettings, live: Catalog) -> list[Divergence]:
    """What is there although nothing should be."""
    names = [("table", getattr(settings, field)) for field in TABLES if field in live.tables]
    for item in objects_of_kind("function"):
        if item.function_field in live.functions:
            names.append(("function", SchemaText(settings).function_name(item)))
    if live.trigger is not None:
        names.append(("trigger", settings.trigger))
    if "status_type" in live.enums:
        names.append(("enum", settings.queue_status_type))
    if "retired_type" in live.enums:
        names.append(("enum", settings.legacy_statistics_status_type))
    return [
        Divergence(kind=kind, name=name, problem="unexpected", remedy="pgq uninstall")
        for kind, name in names
    ]


class _Verification:
    def __init__(self, settings: DBSettings, live: Catalog) -> None:
        self.settings = settings
        self.live = live
        self.text = SchemaText(settings)
        self.remedy = "pgq upgrade" if live.is_installed else "pgq install"

    def all(self) -> Iterator[Divergence]:
        for field in TABLES:
            name = getattr(self.settings, field)
            table = self.live.tables.get(field)
            if table is None:
                yield self._divergence("table", name, "missing")
            else:
                yield from self._columns(field, name, table)
                yield from self._constraints(field, name, table)
                yield from self._indexes(field, table)
        yield from self._enum()
        yield from self._functions()
        yield from self._trigger()

    def _columns(self, field: str, name: str, table: Table) -> Iterator[Divergence]:
        for column, declared in declared_catalog().tables[field].columns.items():
            live = table.columns.get(column)
            if live is None:
                yield self._divergence("column", f"{name}.{column}", "missing")
            else:
                yield from self._column(field, f"{name}.{column}", live, declared)

    def _column(
        self, field: str, name: str, live: Column, declared: Column
    ) -> Iterator[Divergence]:
        column = name.rpartition(".")[2]
        if live.type != declared.type:
            yield from self._type(field, column, live, declared)
        elif declared.kind not in ("plain", live.kind):
            yield self._divergence(
                "column",
                name,
                "different",
                f"is {live.kind}, expected {declared.kind}",
                "ALTER TABLE, by hand",
            )
        if live.sequence == "integer" and live.type == declared.type and self.settings.widen_id:
            detail = "its sequence ends at 2147483647"
            yield self._divergence("column", name, "different", detail)
        if live.not_null != declared.not_null:
            detail = "may not be NULL" if live.not_null else "may be NULL"
            yield self._divergence("column", name, "different", detail)
        if differs_in_default(live, declared):
            detail = f"default {live.default}, expected {declared.default}"
            yield self._divergence("column", name, "different", detail)

    def _type(
        self, field: str, column: str, live: Column, declared: Column
    ) -> Iterator[Divergence]:
        converted = converts(field, column, live, declared)
        if converted and column == "id" and not self.settings.widen_id:
            return
        installed, expected = (type_name(self.settings, found) for found in (live, declared))
        yield self._divergence(
            "column",
            f"{getattr(self.settings, field)}.{column}",
            "different",
            f"type {installed}, expected {expected}",
            self.remedy if converted else "ALTER TABLE … ALTER COLUMN … TYPE, by hand",
        )

    def _constraints(self, field: str, name: str, table: Table) -> Iterator[Divergence]:
        key = PRIMARY_KEYS[field]
        if key not in table.constraints:
            remedy = f"ALTER TABLE {self.text.name(field)} ADD {key}"
            yield self._divergence("constraint", f"{name} {key}", "missing", "", remedy)
        if field == "schedules_table" and SCHEDULES_UNIQUE not in table.constraints:
            yield self._divergence("constraint", f"{name} {SCHEDULES_UNIQUE}", "missing")

    def _indexes(self, field: str, table: Table) -> Iterator[Divergence]:
        for item in objects_of_kind("index"):
            if item.table != field or has_index(item, table, item.suffix):
                continue
            found = table.indexes.get(item.suffix)
            name = self.text.index_name(item)
            if found is None:
                yield self._divergence("index", name, "missing")
            else:
                detail = found.definition if found.valid else "not valid"
                yield self._divergence("index", name, "different", detail)

    def _enum(self) -> Iterator[Divergence]:
        name = self.settings.queue_status_type
        if "status_type" not in self.live.enums:
            yield self._divergence("enum", name, "missing")
            return
        for label in declared_catalog().labels:
            if label not in self.live.labels:
                yield self._divergence("enum value", f"{name}.{label}", "missing")

    def _functions(self) -> Iterator[Divergence]:
        for item in objects_of_kind("function"):
            name = self.text.function_name(item)
            if item.function_field not in self.live.functions:
                yield self._divergence("function", name, "missing")
            elif not has_function(item, self.live, self.text.create(item)):
                yield self._divergence("function", name, "different")

    def _trigger(self) -> Iterator[Divergence]:
        name = self.settings.trigger
        if self.live.trigger is None:
            yield self._divergence("trigger", name, "missing")
        elif not has_trigger(self.live):
            yield self._divergence("trigger", name, "different")
        elif not self.live.trigger.enabled:
            remedy = f"ALTER TABLE {self.text.name('queue_table')} ENABLE TRIGGER {name}"
            yield self._divergence("trigger", name, "disabled", "", remedy)

    def _divergence(
        self, kind: str, name: str, problem: Problem, detail: str = "", remedy: str = ""
    ) -> Divergence:
        return Divergence(
            kind=kind, name=name, problem=problem, detail=detail, remedy=remedy or self.remedy
        )
