"""The path from older schemas: each file of `migrations/`, and when it is still to do.

A migration can be told from the catalog alone, so that no table of applied versions is needed and
whatever is missing heals. Running one that is not pending does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pgqueuer.adapters.persistence.schema_catalog import (
    RETIRED_STATUS,
    Catalog,
    declared_catalog,
)
from pgqueuer.adapters.persistence.schema_text import (
    NUMBERED_TABLES,
    RETIRED_INDEX,
    RETIRED_OWNER_INDEX,
    RETIRED_PRIORITY_INDEX,
    RETIRED_UPDATED_INDEX,
)
from pgqueuer.adapters.persistence.sqltext import quote_identifier

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.schema_text import SchemaText

FOLD = "0017_statistics_fold"
"""Runs with the build of the unique index that it makes way for."""

PAUSES_READABLE = "0022_pauses_readable"
"""Runs with the creation of the table, where there were roles before it."""

SCHEDULES_UNIQUE = "UNIQUE (expression, entrypoint)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A file of `migrations/`; `label` and `table` fill its markers where it has them."""

    name: str
    pending: Callable[[Catalog], bool]
    label: str = ""
    table: str = ""

    def statement(self, text: SchemaText) -> str:
        """The statement for one settings object."""
        table = text.name(self.table) if self.table else ""
        return text.migration(
            self.name,
            label=self.label,
            table=table,
            table_regclass=quote_identifier(table),
        )


@cache
def label_migrations() -> tuple[Migration, ...]:
    """One for each status that the enum may lack."""
    return tuple(
        Migration(name="0001_status_label", label=label, pending=_lacks_label(label))
        for label in declared_catalog().labels
    )


@cache
def table_migrations() -> tuple[Migration, ...]:
    """What brings the tables of older schemas up to date, before indexes are built."""
    queue, log = "queue_table", "queue_table_log"
    return (
        Migration(name="0002_queue_lease", pending=_lacks_column(queue, "updated", "heartbeat")),
        Migration(name="0003_queue_owner", pending=_lacks_column(queue, "queue_manager_id")),
        Migration(name="0004_queue_execute_after", pending=_lacks_column(queue, "execute_after")),
        Migration(name="0005_queue_dedupe_key", pending=_lacks_column(queue, "dedupe_key")),
        Migration(name="0006_queue_headers", pending=_lacks_column(queue, "headers")),
        Migration(name="0007_queue_attempts", pending=_lacks_column(queue, "attempts")),
        Migration(name="0008_queue_slot", pending=_lacks_column(queue, "slot")),
        Migration(name="0009_queue_takeovers", pending=_lacks_column(queue, "takeovers")),
        Migration(name="0010_log_traceback", pending=_lacks_column(log, "traceback")),
        Migration(name="0011_log_aggregated", pending=_lacks_column(log, "aggregated")),
        Migration(name="0012_statistics_status", pending=has_retired_status),
    )


@cache
def wide_id_migrations() -> tuple[Migration, ...]:
    """Ids of eight bytes; wanted unless the settings say otherwise."""
    return tuple(
        Migration(name="0013_wide_id", table=table, pending=_has_narrow_id(table))
        for table in NUMBERED_TABLES
    )


@cache
def late_migrations() -> tuple[Migration, ...]:
    """What follows once every column is as declared."""
    return (
        Migration(name="0014_statistics_time_in_queue", pending=_requires_time_in_queue),
        Migration(name="0015_schedules_unique", pending=_lacks_unique_schedules),
        Migration(name="0016_queue_retired_heartbeat_index", pending=_has_index(RETIRED_INDEX)),
        Migration(
            name="0019_schedule_ticks",
            pending=_lacks_column("schedules_table", "due", "paused_next_run"),
        ),
    )


@cache
def last_migrations() -> tuple[Migration, ...]:
    """What is dropped when nothing uses it any more."""
    return (
        Migration(name="0018_retired_statistics_status_type", pending=_has_retired_type),
        Migration(
            name="0020_queue_retired_updated_index", pending=_has_index(RETIRED_UPDATED_INDEX)
        ),
        Migration(name="0021_queue_retired_owner_index", pending=_has_index(RETIRED_OWNER_INDEX)),
        Migration(
            name="0023_queue_retired_priority_index", pending=_has_index(RETIRED_PRIORITY_INDEX)
        ),
    )


def has_narrow_id_column(catalog: Catalog, table: str) -> bool:
    """Whether the ids of a table have four bytes; widening them rewrites the table."""
    column = catalog.column(table, "id")
    return column is not None and column.type == "integer"


def has_narrow_id_sequence(catalog: Catalog, table: str) -> bool:
    """Whether the sequence of a table's ids ends after four bytes."""
    column = catalog.column(table, "id")
    return column is not None and column.sequence == "integer"


def has_retired_status(catalog: Catalog) -> bool:
    """Whether the statistics have the enum of their own; replacing it rewrites the table."""
    column = catalog.column("statistics_table", "status")
    return column is not None and column.type == RETIRED_STATUS


def _lacks_label(label: str) -> Callable[[Catalog], bool]:
    return lambda catalog: "status_type" in catalog.enums and label not in catalog.labels


def _lacks_column(table: str, *columns: str) -> Callable[[Catalog], bool]:
    return lambda catalog: (
        table in catalog.tables and any(catalog.column(table, column) is None for column in columns)
    )


def _has_narrow_id(table: str) -> Callable[[Catalog], bool]:
    return lambda catalog: (
        has_narrow_id_column(catalog, table) or has_narrow_id_sequence(catalog, table)
    )


def _requires_time_in_queue(catalog: Catalog) -> bool:
    column = catalog.column("statistics_table", "time_in_queue")
    return column is not None and column.not_null


def _lacks_unique_schedules(catalog: Catalog) -> bool:
    schedules = catalog.tables.get("schedules_table")
    return schedules is not None and SCHEDULES_UNIQUE not in schedules.constraints


def _has_index(suffix: str) -> Callable[[Catalog], bool]:
    return lambda catalog: (
        "queue_table" in catalog.tables and suffix in catalog.tables["queue_table"].indexes
    )


def _has_retired_type(catalog: Catalog) -> bool:
    retired = catalog.enums.get("retired_type")
    return retired is not None and retired.users == 0
