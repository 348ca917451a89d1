"""What PostgreSQL really did for a prepared statement: what it scanned, read, sorted, compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql

PlanCacheMode = Literal["force_generic_plan", "force_custom_plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One execution of a statement, as EXPLAIN (ANALYZE, BUFFERS) told it."""

    seq_scans: frozenset[str]
    """The tables that were read as a whole."""
    rows_read: float
    """Rows that the scans of the queue's own tables found or threw away."""
    most_sorted: float
    """Rows that went into the largest sort."""
    pages: int
    """Pages that were read, wherever they were."""
    compiled: bool
    """Whether JIT had its hands in it."""


def prepare(connection: psycopg.Connection, statements: Mapping[str, str]) -> None:
    """Prepare each statement under its name, as the drivers do."""
    for name, text in statements.items():
        prefix = sql.SQL("PREPARE {} AS ").format(sql.Identifier(name)).as_string(connection)
        connection.execute((prefix + text).encode())


def execute(
    connection: psycopg.Connection, name: str, args: Sequence[object], mode: PlanCacheMode
) -> Plan:
    """Run what was prepared as `name`, undo what it did, and tell how it was done."""
    call = sql.SQL("EXECUTE {}").format(sql.Identifier(name))
    if args:
        call += sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Literal, args)))
    explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) ") + call
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("SET LOCAL plan_cache_mode = {}").format(sql.SQL(mode)))
        row = connection.execute(explain).fetchone()
    assert row is not None
    return _plan(row[0][0])


def _plan(told: dict[str, Any]) -> Plan:
    nodes = list(_nodes(told["Plan"]))
    return Plan(
        seq_scans=frozenset(
            node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"
        ),
        rows_read=sum(_rows_read(node) for node in nodes if _is_ours(node)),
        most_sorted=max(
            (_rows_out(node) for node in nodes if "Sort" in node["Node Type"]), default=0
        ),
        pages=told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"],
        compiled="JIT" in told,
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _rows_out(node: dict[str, Any]) -> float:
    return float(node["Actual Rows"] * node["Actual Loops"])


def _is_ours(node: dict[str, Any]) -> bool:
    """Not so those of the catalog, which grow with what else is on the server."""
    return str(node.get("Relation Name", "")).startswith("pgqueuer")


def _rows_read(node: dict[str, Any]) -> float:
    if node["Node Type"] in {"ModifyTable", "LockRows"}:
        return 0
    thrown = sum(node.get(key, 0) for key in _THROWN_AWAY)
    return _rows_out(node) + float(thrown * node["Actual Loops"])


_THROWN_AWAY = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
