"""Those who do the same work: the library, and plain SQL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from benchmarks.measuring import LIBRARY, PLAIN
from benchmarks.place import Place
from benchmarks.plain_sql import statement
from pgqueuer.adapters.persistence.sqltext import quote_identifier
from pgqueuer.queries import NewJob

FUTURE = timedelta(days=1)


class Contestant(Protocol):
    """Lays out a queue in a place, fills it, and has workers and a producer for it."""

    name: str

    async def install(self, place: Place) -> None:
        """Make the tables."""

    async def fill(self, place: Place, jobs: int) -> None:
        """Put numbered jobs for the workers into the queue."""

    async def backlog(
        self, place: Place, rows: int, entrypoint: str, delay: timedelta, first: int
    ) -> None:
        """Put very many rows into the queue, without their history; numbered from `first`."""

    async def waiting(self, place: Place) -> int:
        """How many jobs are in the queue, those that run too."""

    async def tidy(self, place: Place) -> None:
        """Let PostgreSQL look at the tables."""

    def worker(self, arguments: Sequence[str]) -> list[str]:
        """The command of a worker; `arguments` are those of `pgq run`."""


class Library:
    """Jobs by the interface of the library, and workers by `pgq run`."""

    name = LIBRARY

    async def install(self, place: Place) -> None:
        await place.queries.install()

    async def fill(self, place: Place, jobs: int) -> None:
        await place.queries.enqueue_many(NewJob("noop", b"%d" % number) for number in range(jobs))

    async def backlog(
        self, place: Place, rows: int, entrypoint: str, delay: timedelta, first: int
    ) -> None:
        await place.connection.execute(
            f"INSERT INTO {_queue(place)} (status, priority, entrypoint, payload, execute_after) "
            "SELECT 'queued', 0, $2, convert_to((number + $4::bigint)::text, 'UTF8'), "
            "now() + $3::interval FROM generate_series(0, $1::bigint - 1) AS number",
            rows,
            entrypoint,
            delay,
            first,
        )

    async def waiting(self, place: Place) -> int:
        return int(await place.connection.fetchval(f"SELECT count(*) FROM {_queue(place)}"))

    async def tidy(self, place: Place) -> None:
        names = place.queries.settings.qualified
        for table in (names.queue_table, names.queue_table_log):
            await place.connection.execute(f"VACUUM ANALYZE {quote_identifier(table)}")

    def worker(self, arguments: Sequence[str]) -> list[str]:
        options = ["--log-level", "WARNING", *arguments]
        return [sys.executable, "-m", "pgqueuer", "run", *options, "benchmarks.worker:main"]


class Plain:
    """A table, an index, and a claim and a settlement for each batch."""

    name = PLAIN

    async def install(self, place: Place) -> None:
        await place.connection.execute(statement("create"))

    async def fill(self, place: Place, jobs: int) -> None:
        await self.backlog(place, jobs, "noop", timedelta(0), 0)

    async def backlog(
        self, place: Place, rows: int, entrypoint: str, delay: timedelta, first: int
    ) -> None:
        await place.connection.execute(statement("backlog"), rows, entrypoint, delay, first)

    async def waiting(self, place: Place) -> int:
        return int(await place.connection.fetchval("SELECT count(*) FROM plain_job"))

    async def tidy(self, place: Place) -> None:
        await place.connection.execute("VACUUM ANALYZE plain_job")

    def worker(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "benchmarks.plain_sql.worker"]


def _queue(place: Place) -> str:
    return quote_identifier(place.queries.settings.qualified.queue_table)


CONTESTANTS: tuple[Contestant, ...] = (Library(), Plain())
