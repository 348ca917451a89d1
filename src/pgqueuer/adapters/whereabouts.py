"""Which database a worker works with, and whether it can."""

from __future__ import annotations

from dataclasses import dataclass

from pgqueuer.ports.repository import RepositoryPort


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """The database that answered; no name where something else than PostgreSQL has the jobs."""

    database: str | None = None
    host: str | None = None
    port: int | None = None
    writable: bool = True

    def __str__(self) -> str:
        if self.database is None:
            return "no PostgreSQL"
        at = "a local socket" if self.host is None else f"{self.host}:{self.port}"
        return f"{self.database} at {at}"


async def whereabouts(queries: RepositoryPort) -> Whereabouts:
    """Ask the database, with one statement; what the driver raises is passed on."""
    from pgqueuer.adapters.persistence.queries import Queries  # noqa: PLC0415 - slow to import

    if not isinstance(queries, Queries):
        await queries.database_time()
        return Whereabouts()
    (row,) = await queries.driver.fetch(queries.statements["whereabouts"])
    port = row["port"]
    return Whereabouts(
        database=str(row["database"]),
        host=None if row["host"] is None else str(row["host"]),
        port=port if isinstance(port, int) else None,
        writable=bool(row["writable"]),
    )
