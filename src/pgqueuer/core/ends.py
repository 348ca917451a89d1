"""Finding out which of very many jobs have ended, at a cost that their number hardly changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, KeysView
from datetime import timedelta
from itertools import islice
from typing import Final, Protocol, runtime_checkable

from pgqueuer.domain.lifecycle import TERMINAL
from pgqueuer.domain.models import JobEnds, JobStatusRow
from pgqueuer.domain.types import JOB_STATUS, JobId

FEW: Final = 500
"""So many jobs are asked for by their ids at each look."""

IDS_PER_QUERY: Final = 1_000


class JobStatusSource(Protocol):
    """Knows the newest status of jobs; `Queries` is one."""

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]: ...


@runtime_checkable
class JobEndSource(Protocol):
    """Knows what ended lately; optional. See `Queries.job_ends`."""

    async def job_ends(self, after: int | None = None) -> JobEnds: ...


class EndSearch:
    """Looks for ends among the jobs that somebody waits for, and gives them to `found`.

    A few are asked for by their ids. Of many, each is asked for when it is new, and then the log
    is followed: a look reads what was written since the last one, once for all. `recheck` after
    the last time, all are asked for again, a portion a look, because the log does not show what a
    long transaction wrote. Without `recheck`, or where `queries` can not follow the log, every look
    asks for all.
    """

    def __init__(
        self,
        queries: JobStatusSource,
        recheck: timedelta | None,
        found: Callable[[JobId, JOB_STATUS], None],
    ) -> None:
        self._queries = queries
        self._recheck = recheck
        self._found = found
        self._place: int | None = None
        self._asked: set[JobId] = set()
        self._again: list[JobId] = []
        self._checked = 0.0

    async def look(self, ids: KeysView[JobId]) -> None:
        """Ask once; an end that this look could not see yet is found by a later one."""
        if len(ids) <= FEW or self._recheck is None or not isinstance(self._queries, JobEndSource):
            self._place = None
            await self._ask(list(ids))
            return
        if self._place is None:
            await self._begin(self._queries)
        else:
            await self._follow(self._queries, self._place)
        await self._ask_new(ids)
        await self._ask_again(ids, self._recheck)

    async def _begin(self, queries: JobEndSource) -> None:
        self._place = (await queries.job_ends()).settled
        self._asked.clear()
        self._again.clear()
        self._checked = asyncio.get_running_loop().time()

    async def _follow(self, queries: JobEndSource, place: int) -> None:
        complete = True
        while True:
            ends = await queries.job_ends(place)
            for job_id, status in zip(ends.job_ids, ends.statuses, strict=True):
                self._found(job_id, status)
            if complete:
                self._place = ends.settled
                complete = ends.settled == ends.last
            if not ends.more:
                return
            place = ends.last

    async def _ask_new(self, ids: KeysView[JobId]) -> None:
        new = ids - self._asked
        await self._ask(list(new))
        self._asked |= new

    async def _ask_again(self, ids: KeysView[JobId], recheck: timedelta) -> None:
        now = asyncio.get_running_loop().time()
        if not self._again and now - self._checked >= recheck.total_seconds():
            self._checked = now
            self._asked &= ids
            self._again = list(ids)
        portion, self._again = self._again[:IDS_PER_QUERY], self._again[IDS_PER_QUERY:]
        await self._ask(each for each in portion if each in ids)

    async def _ask(self, ids: Iterable[JobId]) -> None:
        remaining = iter(ids)
        while portion := list(islice(remaining, IDS_PER_QUERY)):
            for row in await self._queries.job_status(portion):
                if row.status in TERMINAL:
                    self._found(row.job_id, row.status)
