"""Whether the database has what a worker needs, asked through the repository's port."""

from __future__ import annotations

from pgqueuer.ports.repository import SchemaManagementPort

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


async def verify_queue_structure(schema: SchemaManagementPort) -> None:
    """Raise RuntimeError for the first thing that is missing, with the command to run."""
    names = schema.qbe.settings
    for table in (names.queue_table, names.statistics_table, names.queue_table_log):
        if not await schema.has_table(table):
            raise RuntimeError(
                f"The table {table!r} is missing. Run 'pgq install', or set the prefix and the "
                "schema of your installation (PGQUEUER_PREFIX, PGQUEUER_SCHEMA)."
            )
    for column in QUEUE_COLUMNS:
        if not await schema.table_has_column(names.queue_table, column):
            raise _outdated(f"column {names.queue_table}.{column}")
    if not await schema.table_has_column(names.queue_table_log, "traceback"):
        raise _outdated(f"column {names.queue_table_log}.traceback")
    if not await schema.has_table(names.pauses_table):
        raise _outdated(f"table {names.pauses_table}")
    for status in STATUSES:
        if not await schema.has_user_defined_enum(status, names.queue_status_type):
            raise _outdated(f"value {status!r} of the type {names.queue_status_type}")
    indexes = (
        (names.queue_table_log, "_job_id_status"),
        (names.queue_table, "_picked_slot_idx"),
    )
    for table, suffix in indexes:
        index = table.rpartition(".")[2] + suffix
        if not await schema.table_has_index(table, index):
            raise _outdated(f"index {index}")


def _outdated(what: str) -> RuntimeError:
    return RuntimeError(
        f"The {what} is missing: the schema is older than this worker. Run 'pgq upgrade'."
    )
