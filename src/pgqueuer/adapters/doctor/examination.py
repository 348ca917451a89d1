"""The checks in the order of the report, and how they are run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pgqueuer.adapters.doctor import activity, process, schema, server, sessions, tables
from pgqueuer.adapters.doctor.findings import Finding, Verdict, fail, skip
from pgqueuer.adapters.doctor.patient import Patient
from pgqueuer.adapters.persistence.sqlstate import code_of
from pgqueuer.plugins.plugin import describe
from pgqueuer.plugins.registry import PluginRegistry

INSUFFICIENT_PRIVILEGE = "42501"
INCOMPLETE_SCHEMA = frozenset({"3F000", "42P01", "42703", "42704", "42883"})
LOST_STATEMENT = frozenset({"26000", "42P05"})
"""A prepared statement is not there, or there already: another session has our place."""

Run: TypeAlias = Callable[[Patient], AsyncIterator[Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check by its name; to add one, write an async generator of verdicts and list it below."""

    name: str
    run: Run


CHECKS = (
    Check(name="connection", run=server.check_connection),
    Check(name="version", run=server.check_version),
    Check(name="clock", run=server.check_clock),
    Check(name="connections", run=server.check_connections),
    Check(name="pooler", run=sessions.check_pooler),
    Check(name="listening", run=sessions.check_listening),
    Check(name="schema", run=schema.check_installed),
    Check(name="drift", run=schema.check_drift),
    Check(name="durability", run=tables.check_durability),
    Check(name="autovacuum", run=tables.check_autovacuum),
    Check(name="transactions", run=activity.check_transactions),
    Check(name="log", run=tables.check_log),
    Check(name="leases", run=activity.check_leases),
)


def examine_process(registry: Callable[[], PluginRegistry]) -> Iterator[Finding]:
    """What can be told without a database: versions and plugins."""
    yield from _named("versions", process.check_versions())
    yield from _named("plugins", process.check_plugins(registry))


async def examine_database(patient: Patient) -> AsyncIterator[Finding]:
    """Every check in turn. Nothing is changed; a check that breaks off is a finding too."""
    for check in CHECKS:
        for verdict in await _run(check, patient):
            yield Finding.of(check.name, verdict)


async def _run(check: Check, patient: Patient) -> list[Verdict]:
    found: list[Verdict] = []
    try:
        async with asyncio.timeout(patient.limits.check.total_seconds()):
            async for verdict in check.run(patient):
                found.append(verdict)
    except TimeoutError:
        found.append(_unanswered(patient))
    except Exception as error:  # a check that can not be made is what the report has to say
        found.append(_unchecked(error))
    return found


def _unanswered(patient: Patient) -> Verdict:
    return fail(
        f"no answer within {patient.limits.check.total_seconds():g} s",
        "look for a lock on the queue's tables or an overloaded server in pg_stat_activity",
    )


def _unchecked(error: Exception) -> Verdict:
    code = code_of(error)
    if code in INCOMPLETE_SCHEMA:
        return skip("not checked: the schema is not complete")
    if code in LOST_STATEMENT:
        return fail("a prepared statement got lost between transactions", sessions.POOL_MODE)
    if code == INSUFFICIENT_PRIVILEGE:
        return skip(f"not checked: {describe(error)}")
    return fail(f"the check broke off: {describe(error)}", "mend the cause and run it again")


def _named(check: str, verdicts: Iterable[Verdict]) -> Iterator[Finding]:
    return (Finding.of(check, verdict) for verdict in verdicts)
