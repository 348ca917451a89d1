"""Reads the queue's log as a stream that several workers share and nobody loses."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from pgqueuer.ports import RepositoryPort
from pgqueuer_webhook import statements
from pgqueuer_webhook.message import JobEvent
from pgqueuer_webhook.settings import Settings

LEASE: Final = 60.0
PATIENCE: Final = 60.0
"""Seconds after which a transaction that is still open is no longer waited for."""


class LeaseLostError(Exception):
    """Another worker posts now."""


class NotInstalledError(Exception):
    """The table is missing and this user may not create it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log: its age in seconds when it was read, and what is posted."""

    age: float
    event: JobEvent


@dataclass(frozen=True, slots=True)
class _Mark:
    """All rows up to `frontier` were read, but for those of transactions before `newest`."""

    frontier: int
    newest: int
    since: float


class LogReader:
    """The rows of the log that are not posted yet, oldest first.

    The position is in the database, under `settings.name`; a lease of a minute lets one worker at
    a time read and move it. A row may become visible after one with a higher id, so the position
    passes a row only when no transaction can still add one before it. What was posted beyond the
    position is remembered beside it.
    """

    def __init__(self, queries: RepositoryPort, settings: Settings) -> None:
        self._driver = queries.driver
        self._settings = settings
        self._sql = statements.for_tables(queries.qbe.settings)
        self._owner = uuid.uuid4().hex
        self._position = 0
        self._posted: set[int] = set()
        self._marks: list[_Mark] = []
        self._settled = 0
        self._frontier = 0

    async def install(self) -> None:
        """Create the table of positions unless it is there; raises NotInstalledError."""
        if await self._installed():
            return
        try:
            await self._driver.execute(self._sql.create)
        except Exception as error:
            # Others may have created it at the same moment.
            if await self._installed():
                return
            if getattr(error, "sqlstate", None) != "42501":
                raise
            raise NotInstalledError(
                "This user may not create the table of the webhook's positions. Run "
                "`pgq webhook install` as the owner of the queue's tables, and grant SELECT, "
                f"INSERT and UPDATE on {self._sql.table} to this user."
            ) from error

    async def _installed(self) -> bool:
        (row,) = await self._driver.fetch(self._sql.installed)
        return bool(row["installed"])

    async def lead(self) -> bool:
        """Take or renew the lease; false while another worker has it."""
        rows = await self._driver.fetch(self._sql.lead, self._settings.name, self._owner, LEASE)
        if not rows:
            self._marks.clear()
            return False
        self._position = cast("int", rows[0]["position"])
        self._posted = set(cast("list[int]", rows[0]["posted"]))
        return True

    async def read(self) -> list[Entry]:
        """The next rows, at most a batch; the lease must be held."""
        wanted = self._settings
        (row,) = await self._driver.fetch(
            self._sql.read,
            self._position,
            sorted(self._posted),
            list(wanted.outcomes),
            list(wanted.entrypoints),
            wanted.batch,
            wanted.payload,
            wanted.traceback,
        )
        entries = [
            Entry(one["age"], one["event"]) for one in json.loads(cast("str", row["entries"]))
        ]
        full = len(entries) == wanted.batch
        self._frontier = entries[-1].event["event_id"] if full else cast("int", row["last"])
        self._mark(oldest=cast("int", row["oldest"]), newest=cast("int", row["newest"]))
        return entries

    def _mark(self, *, oldest: int, newest: int) -> None:
        now = time.monotonic()
        self._marks.append(_Mark(self._frontier, newest, now))
        past = [one for one in self._marks if one.newest <= oldest or now - one.since > PATIENCE]
        self._settled = max((one.frontier for one in past), default=self._position)
        self._marks = [one for one in self._marks if one not in past]

    async def done(self, entries: Sequence[Entry]) -> None:
        """Remember that what `read` gave needs no posting any more; raises LeaseLostError."""
        before = self._position
        self._posted.update(entry.event["event_id"] for entry in entries)
        self._position = max(before, min(self._settled, self._frontier))
        self._posted = {one for one in self._posted if one > self._position}
        if not entries and self._position == before:
            return
        await self._write(self._sql.save, self._position, sorted(self._posted), LEASE)

    async def renew(self) -> None:
        """Keep the lease; raises LeaseLostError."""
        await self._write(self._sql.renew, LEASE)

    async def release(self) -> None:
        """Let another worker read at once."""
        await self._driver.fetch(self._sql.release, self._settings.name, self._owner)

    async def _write(self, statement: str, *values: object) -> None:
        if not await self._driver.fetch(statement, self._settings.name, self._owner, *values):
            raise LeaseLostError
