"""What a search for ends asks, and what it finds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueuer.core.ends import FEW, IDS_PER_QUERY, EndSearch
from pgqueuer.domain.models import JobEnds, JobStatusRow
from pgqueuer.domain.types import JOB_STATUS, JobId

NEVER = timedelta(days=1)
MANY = 10 * IDS_PER_QUERY


class StatusLog:
    """A log that can only be asked for jobs; keeps the sizes of the questions."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[JobId, JOB_STATUS]] = {}
        self.hidden: set[int] = set()
        self.asked: list[int] = []

    def write(self, job_id: int, status: JOB_STATUS, *, committed: bool = True) -> int:
        number = len(self.rows) + 1
        self.rows[number] = JobId(job_id), status
        if not committed:
            self.hidden.add(number)
        return number

    def visible(self) -> dict[int, tuple[JobId, JOB_STATUS]]:
        return {number: row for number, row in self.rows.items() if number not in self.hidden}

    async def job_status(self, ids: list[JobId]) -> list[JobStatusRow]:
        self.asked.append(len(ids))
        newest = {row[0]: row[1] for row in self.visible().values()}
        return [JobStatusRow(job_id=each, status=newest[each]) for each in ids if each in newest]


class FollowedLog(StatusLog):
    """A log that can be followed, two rows at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[int | None] = []
        self.broken = False

    async def job_ends(self, after: int | None = None) -> JobEnds:
        self.followed.append(after)
        if self.broken:
            raise ConnectionError("gone")
        visible = self.visible()
        if after is None:
            last = max(visible, default=0)
            return JobEnds(job_ids=[], statuses=[], last=last, settled=last, more=False)
        numbers = sorted(number for number in visible if number > after)[:2]
        settled = after
        while settled + 1 in numbers:
            settled += 1
        ended = [visible[each] for each in numbers if visible[each][1] not in ("queued", "picked")]
        return JobEnds(
            job_ids=[row[0] for row in ended],
            statuses=[row[1] for row in ended],
            last=max(numbers, default=after),
            settled=settled,
            more=len(numbers) == 2,
        )


class Waiting:
    """Jobs that are waited for until they are found."""

    def __init__(self, log: StatusLog, count: int, recheck: timedelta | None = NEVER) -> None:
        self.ids = {JobId(number): None for number in range(count)}
        self.found: dict[JobId, JOB_STATUS] = {}
        self.search = EndSearch(log, recheck, self._found)

    def _found(self, job_id: JobId, status: JOB_STATUS) -> None:
        if job_id in self.ids:
            del self.ids[job_id]
            self.found[job_id] = status

    async def look(self) -> None:
        await self.search.look(self.ids.keys())


async def test_many_jobs_are_asked_for_once_and_then_the_log_is_followed() -> None:
    log = FollowedLog()
    log.write(7, "canceled")
    log.write(8, "queued")
    waiting = Waiting(log, MANY)
    await waiting.look()
    assert waiting.found == {7: "canceled"}
    assert log.asked == [IDS_PER_QUERY] * 10
    assert log.followed == [None]

    log.asked.clear()
    log.write(9, "picked")
    log.write(8, "successful")
    log.write(MANY + 1, "successful")
    for _ in range(20):
        await waiting.look()
    assert waiting.found == {7: "canceled", 8: "successful"}
    assert log.asked == []
    assert log.followed == [None, 2, 4, *[5] * 19]


async def test_a_job_that_is_new_is_asked_for_once() -> None:
    log = FollowedLog()
    waiting = Waiting(log, MANY)
    await waiting.look()
    log.write(MANY, "exception")
    await waiting.look()
    log.asked.clear()
    waiting.ids |= {JobId(MANY): None, JobId(MANY + 1): None}
    await waiting.look()
    await waiting.look()
    assert waiting.found == {MANY: "exception"}
    assert log.asked == [2]


async def test_an_end_that_is_committed_behind_others_is_found() -> None:
    log = FollowedLog()
    waiting = Waiting(log, MANY)
    await waiting.look()
    late = log.write(1, "canceled", committed=False)
    for number in range(2, 8):
        log.write(number, "successful")
    await waiting.look()
    assert set(waiting.found) == {2, 3, 4, 5, 6, 7}
    log.hidden.remove(late)
    await waiting.look()
    assert waiting.found[JobId(1)] == "canceled"
    log.followed.clear()
    await waiting.look()
    assert log.followed == [len(log.rows)]


async def test_all_are_asked_for_again_a_portion_a_look() -> None:
    log = FollowedLog()
    waiting = Waiting(log, MANY, timedelta(0))
    await waiting.look()
    log.asked.clear()
    log.write(MANY - 1, "canceled")
    waiting.search._place = len(log.rows)  # as if a long transaction had written it
    for _ in range(10):
        await waiting.look()
    assert waiting.found == {MANY - 1: "canceled"}
    assert max(log.asked) <= IDS_PER_QUERY
    assert len(log.asked) == 10


@pytest.mark.parametrize(
    ("log", "count", "recheck"),
    [(FollowedLog, FEW, NEVER), (FollowedLog, FEW + 1, None), (StatusLog, FEW + 1, NEVER)],
)
async def test_jobs_are_asked_for_by_id_where_they_are_few_or_the_log_is_not_followed(
    log: type[StatusLog], count: int, recheck: timedelta | None
) -> None:
    asked = log()
    waiting = Waiting(asked, count, recheck)
    for _ in range(3):
        await waiting.look()
    assert asked.asked == [count] * 3
    asked.write(3, "deleted")
    await waiting.look()
    assert waiting.found == {3: "deleted"}
    assert getattr(asked, "followed", []) == []


async def test_following_begins_anew_after_few_were_left() -> None:
    log = FollowedLog()
    waiting = Waiting(log, MANY)
    await waiting.look()
    everyone = dict(waiting.ids)
    for number in range(1, MANY):
        del waiting.ids[JobId(number)]
    await waiting.look()
    log.write(5, "successful")
    waiting.ids |= everyone
    await waiting.look()
    assert waiting.found == {5: "successful"}
    assert log.followed == [None, None]


async def test_a_look_that_failed_is_made_up_for() -> None:
    log = FollowedLog()
    waiting = Waiting(log, MANY)
    await waiting.look()
    log.write(5, "successful")
    log.broken = True
    with pytest.raises(ConnectionError):
        await waiting.look()
    log.broken = False
    await waiting.look()
    assert waiting.found == {5: "successful"}
