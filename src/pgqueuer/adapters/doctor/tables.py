"""Checks of the tables: whether they survive a crash, are cleaned up, and stay small enough."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pgqueuer.adapters.doctor.findings import Verdict, fail, ok, skip, warn
from pgqueuer.adapters.doctor.patient import Patient
from pgqueuer.adapters.doctor.values import counted, duration, number, size
from pgqueuer.domain.settings import DurabilityPolicy

POLICY_FIELDS = {
    "queue_table": "queue_table",
    "queue_table_log": "queue_log_table",
    "statistics_table": "statistics_table",
    "schedules_table": "schedules_table",
}
NO_TABLES = "not checked: there are no tables"


async def check_durability(patient: Patient) -> AsyncIterator[Verdict]:
    """Which tables a crash of the server empties, held against the durability that is set."""
    settings = patient.queries.settings
    unlogged, surprising = list[str](), list[str]()
    found = await patient.rows("tables")
    for table in found:
        if table["unlogged"]:
            unlogged.append(str(table["name"]))
            if not _meant_to_be_unlogged(settings.durability.config, str(table["field"])):
                surprising.append(str(table["name"]))
    if not found:
        yield skip(NO_TABLES)
    elif surprising:
        yield warn(
            f"a crash of the server empties {', '.join(surprising)} (unlogged)",
            "run 'pgq durability durable', or set PGQUEUER_DURABILITY to what you want",
        )
    elif unlogged:
        level = settings.durability.value
        yield ok(f"{level}, as set: a crash of the server empties {', '.join(unlogged)}")
    else:
        yield ok("a crash of the server costs nothing")


def _meant_to_be_unlogged(policy: DurabilityPolicy, field: str) -> bool:
    return field in POLICY_FIELDS and bool(getattr(policy, POLICY_FIELDS[field]))


async def check_autovacuum(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether dead rows are removed: every claim and every outcome leaves some."""
    found = await patient.rows("tables")
    if not found:
        yield skip(NO_TABLES)
        return
    verdicts = [verdict for table in found for verdict in _vacuum_faults(patient, table)]
    if not all(table["autovacuum"] and table["track_counts"] for table in found):
        verdicts.insert(
            0,
            fail(
                "autovacuum is off on this server; the tables grow without end",
                "set autovacuum = on and track_counts = on in postgresql.conf, then reload",
            ),
        )
    for verdict in verdicts:
        yield verdict
    if not verdicts:
        dead = sum(number(table["dead"]) for table in found)
        tuned = "tuned" if _is_tuned(found[0]) else "not tuned ('pgq autovac' does it)"
        yield ok(f"on, {tuned}, {counted(dead, 'dead row')}")


def _vacuum_faults(patient: Patient, table: dict[str, object]) -> list[Verdict]:
    name, live, dead = table["name"], number(table["live"]), number(table["dead"])
    options = str(table["options"] or "")
    if any(f"autovacuum_enabled={off}" in options for off in ("false", "off", "no", "0")):
        return [
            fail(
                f"autovacuum is off for {name}",
                f"ALTER TABLE {name} RESET (autovacuum_enabled)",
            )
        ]
    if dead > patient.limits.dead_rows and dead > live:
        remedy = "see 'transactions' for who holds them; then VACUUM"
        if not _is_tuned(table):
            remedy = f"run 'pgq autovac'; {remedy}"
        return [warn(f"{name} has {counted(dead, 'dead row')} and {live:,} live ones", remedy)]
    return []


def _is_tuned(table: dict[str, object]) -> bool:
    return "autovacuum_vacuum_scale_factor" in str(table["options"] or "")


async def check_log(patient: Patient) -> AsyncIterator[Verdict]:
    """How large the log is, how far back it goes, and whether it is folded into the statistics."""
    limits = patient.limits
    log = await patient.row("log", limits.log_rows_pending + 1)
    pending, space = number(log["pending"]), number(log["bytes"])
    back = "" if log["age"] is None else f", {duration(float(number(log['age'])))} back"
    kept = patient.queries.settings.log_retention
    retention = f"kept for {duration(kept.total_seconds())}" if kept else "kept for ever"
    if pending > limits.log_rows_pending:
        yield warn(
            f"more than {limits.log_rows_pending:,} rows are not in the statistics yet",
            "let a worker run, or run 'pgq dashboard' once: both fold them in",
        )
    if space > limits.log_bytes:
        yield warn(
            f"the log takes {size(space)}{back}, {retention}",
            "set PGQUEUER_LOG_RETENTION to less and run 'pgq prune'",
        )
    if pending <= limits.log_rows_pending and space <= limits.log_bytes:
        yield ok(f"{size(space)}{back}, {retention}, {counted(pending, 'row')} to fold in")
