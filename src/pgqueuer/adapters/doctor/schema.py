"""Checks of what is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pgqueuer.adapters.doctor.findings import Verdict, fail, ok, skip
from pgqueuer.adapters.doctor.patient import Patient
from pgqueuer.domain.settings import DBSettings

LANDMARK = "pgqueuer_schedules"
"""How the name of one table of every installation ends, whatever its prefix."""


async def check_installed(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether there is a queue under the names of the settings."""
    settings = patient.queries.settings
    place = _place(settings)
    if await patient.queries.schema_is_installed():
        yield ok(f"installed with {place}")
        return
    elsewhere = [
        f"prefix {str(row['table']).removesuffix(LANDMARK)!r} in the schema {row['schema']!r}"
        for row in await patient.rows("installations")
    ]
    if elsewhere:
        yield fail(
            f"nothing is installed with {place}, but with {'; '.join(elsewhere)}",
            "set --prefix and --schema to that (PGQUEUER_PREFIX, PGQUEUER_SCHEMA), "
            "or run 'pgq install'",
        )
    else:
        yield fail(f"nothing is installed with {place}", "run 'pgq install'")


def _place(settings: DBSettings) -> str:
    where = (
        "the search_path" if settings.db_schema is None else f"the schema {settings.db_schema!r}"
    )
    return f"prefix {settings.prefix!r} in {where}"


async def check_drift(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether the objects are those that this release expects, as `pgq verify` does."""
    if not await patient.queries.schema_is_installed():
        yield skip("not checked: nothing is installed")
        return
    found = await patient.queries.verify()
    for divergence in found:
        message, _, _ = str(divergence).rpartition("; run: ")
        yield fail(message, f"run: {divergence.remedy}")
    if not found:
        yield ok("tables, indexes, function and trigger are as this release expects")
