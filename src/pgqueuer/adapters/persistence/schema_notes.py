"""What the owner of a database should know before an upgrade, or after."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pgqueuer.adapters.persistence.schema_catalog import Catalog, Table, declared_catalog
from pgqueuer.adapters.persistence.schema_migrations import (
    has_narrow_id_column,
    has_narrow_id_sequence,
    has_retired_status,
)
from pgqueuer.adapters.persistence.schema_plan import has_index
from pgqueuer.adapters.persistence.schema_text import (
    NUMBERED_TABLES,
    SchemaText,
    objects_of_kind,
)

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings

PRIMARY_KEYS: Final = MappingProxyType(
    dict.fromkeys(NUMBERED_TABLES, "PRIMARY KEY (id)")
    | {"pauses_table": "PRIMARY KEY (entrypoint)"}
)


def upgrade_notes(settings: DBSettings, live: Catalog) -> list[str]:
    """What an upgrade leaves alone although it differs, and what will block the queue."""
    return list(_Notes(settings, live).all())


class _Notes:
    def __init__(self, settings: DBSettings, live: Catalog) -> None:
        self.settings = settings
        self.live = live
        self.text = SchemaText(settings)

    def all(self) -> Iterator[str]:
        for field, table in self.live.tables.items():
            yield from self._durability(field, table)
            yield from self._ids(field)
            yield from self._shape(field, table)
        yield from self._rebuilt_indexes()
        yield from self._trigger()

    def _durability(self, field: str, table: Table) -> Iterator[str]:
        wanted = self.text.persistence(field)
        if table.keyword != wanted:
            level = self.settings.durability.value
            yield (
                f"{self.text.name(field)} is {table.keyword or 'LOGGED'}, but durability={level} "
                f"means {wanted or 'LOGGED'}; an upgrade leaves that alone, "
                f"'pgq durability {level}' changes it"
            )

    def _ids(self, field: str) -> Iterator[str]:
        name = self.text.name(field)
        narrow_column = has_narrow_id_column(self.live, field)
        narrow_sequence = has_narrow_id_sequence(self.live, field)
        retyped = field == "statistics_table" and has_retired_status(self.live)
        if retyped or (narrow_column and self.settings.widen_id):
            yield f"{name} is rewritten; nothing can read or write it meanwhile"
        if self.settings.widen_id:
            return
        if narrow_column:
            yield f"{name}.id has four bytes; upgrade with --widen-id to have eight"
        if narrow_sequence:
            yield f"the sequence of {name}.id ends at 2147483647; upgrade with --widen-id"

    def _shape(self, field: str, table: Table) -> Iterator[str]:
        declared = declared_catalog().tables[field]
        for column, wanted in declared.columns.items():
            found = table.columns.get(column)
            if found is not None and wanted.kind not in ("plain", found.kind):
                yield (
                    f"{self.text.name(field)}.{column} is a {found.kind} column, "
                    f"expected {wanted.kind}; change it by hand"
                )
        if PRIMARY_KEYS[field] not in table.constraints:
            yield f"{self.text.name(field)} has no {PRIMARY_KEYS[field]}; add it by hand"
        if field == "statistics_table" and "time_in_queue" in table.columns:
            yield f"{self.text.name(field)}.time_in_queue is not used any more; drop it at will"

    def _rebuilt_indexes(self) -> Iterator[str]:
        for item in objects_of_kind("index"):
            table = self.live.tables.get(item.table)
            if table and item.suffix in table.indexes and not has_index(item, table, item.suffix):
                yield (
                    f"the index {self.text.index_name(item)} is built anew; "
                    f"{self.text.name(item.table)} can be read but not written meanwhile"
                )

    def _trigger(self) -> Iterator[str]:
        if self.live.trigger is not None and not self.live.trigger.enabled:
            yield (
                f"the trigger {self.settings.trigger} is disabled, so idle workers are not woken; "
                f"ALTER TABLE {self.text.name('queue_table')} ENABLE TRIGGER "
                f"{self.settings.trigger} turns it on"
            )
