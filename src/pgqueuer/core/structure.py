"""Whether the database has what a worker needs, asked through the repository's port."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.domain.errors import SchemaIncompleteError
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.structure import SchemaPart
from pgqueuer.ports.repository import RepositoryPort

QUEUE_COLUMNS = (
    "updated",
    "heartbeat",
    "queue_manager_id",
    "execute_after",
    "headers",
    "attempts",
    "slot",
    "takeovers",
)
STATUSES = ("canceled", "failed")


async def verify_queue_structure(queries: RepositoryPort) -> None:
    """Raise SchemaIncompleteError for the first thing missing, with the command to run."""
    names = queries.qbe.settings
    missing = await queries.first_missing(list(_queue_parts(names)))
    if missing is None:
        return
    if missing.kind == "table" and missing.owner != names.pauses_table:
        raise SchemaIncompleteError(
            f"The table {missing.owner!r} is missing. Run 'pgq install', or set the prefix and the "
            "schema of your installation (PGQUEUER_PREFIX, PGQUEUER_SCHEMA)."
        )
    raise _outdated(missing)


async def verify_schedule_structure(queries: RepositoryPort) -> None:
    """Raise SchemaIncompleteError for the first thing that a scheduler misses."""
    names = queries.qbe.settings
    missing = await queries.first_missing(
        [
            SchemaPart("table", names.schedules_table),
            SchemaPart("table", names.queue_table_log),
            SchemaPart("column", names.schedules_table, "due"),
            SchemaPart("column", names.schedules_table, "paused_next_run"),
        ]
    )
    if missing is None:
        return
    if missing.kind == "table":
        raise SchemaIncompleteError(
            f"The table {missing.owner!r} is missing. Run 'pgq install' on a new database, "
            "'pgq upgrade' on an older one, or set the prefix and the schema of your "
            "installation (PGQUEUER_PREFIX, PGQUEUER_SCHEMA)."
        )
    raise _outdated(missing)


def _queue_parts(names: DBSettings) -> Iterator[SchemaPart]:
    for table in (names.queue_table, names.statistics_table, names.queue_table_log):
        yield SchemaPart("table", table)
    for column in QUEUE_COLUMNS:
        yield SchemaPart("column", names.queue_table, column)
    yield SchemaPart("column", names.queue_table_log, "traceback")
    yield SchemaPart("table", names.pauses_table)
    for status in STATUSES:
        yield SchemaPart("label", names.queue_status_type, status)
    for table, suffix in (
        (names.queue_table_log, "_job_id_status"),
        (names.queue_table, "_picked_slot_idx"),
    ):
        yield SchemaPart("index", table, table.rpartition(".")[2] + suffix)


def _outdated(missing: SchemaPart) -> SchemaIncompleteError:
    return SchemaIncompleteError(
        f"The {missing} is missing: the schema is older than this worker. Run 'pgq upgrade'."
    )
