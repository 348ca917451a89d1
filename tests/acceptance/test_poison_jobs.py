"""Jobs that no worker survives, rows that can not be read, outcomes that can not be written."""

from __future__ import annotations

import signal
from typing import Any

import psycopg
import pytest

from tests.support.fleet import enqueue, fleet
from tests.support.verifier import report, runs_of, verify, waiting
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    ("driver", "how"),
    [("asyncpg", signal.SIGKILL), ("psycopg", -3)],
)
def test_who_kills_workers_is_parked_and_those_beside_it_complete(
    queue_dsn: str, driver: str, how: int
) -> None:
    with fleet(queue_dsn, driver=driver, entrypoints={"work": {"max_takeovers": 2}}) as workers:
        beside = enqueue(queue_dsn, 8, {"sleep": 0.3})
        (culprit,) = enqueue(queue_dsn, 1, {"sleep": 0.1, "die": int(how)})
        beside += enqueue(queue_dsn, 8, {"sleep": 0.3})
        workers.start(2)
        wait_until(lambda: workers.replace_dead() or waiting(queue_dsn) == 0, "every job had ended")
        workers.stop()
    verdict = verify(queue_dsn, [*beside, culprit])
    report(f"a handler that ends its process ({how!r})", driver, verdict)
    assert verdict.sound
    assert not verdict.overlapping
    assert parked(queue_dsn) == {culprit: "LeaseExpired"}
    assert ended(queue_dsn, "successful") == set(beside)
    assert len(runs_of(queue_dsn, [culprit])) == 3


def parked(dsn: str) -> dict[int, str]:
    """The held jobs, with the type of the exception in their last record."""
    query = """
        SELECT DISTINCT ON (job_id) job_id, log.traceback ->> 'exception_type'
        FROM pgqueuer_log AS log JOIN pgqueuer AS job ON job.id = log.job_id
        WHERE job.status = 'failed' ORDER BY job_id, log.id DESC
    """
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute(query).fetchall())


def ended(dsn: str, status: str) -> set[int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT job_id FROM pgqueuer_log WHERE status::text = %s", [status]
        )
        return {job_id for (job_id,) in rows}


UNREADABLE: dict[str, str] = {
    "headers that are a list": "headers = '[1]'",
    "headers that are text": "headers = '\"x\"'",
    "headers that are nested deeply": (
        "headers = ('{\"a\":' || repeat('[', 3000) || repeat(']', 3000) || '}')::jsonb"
    ),
}
STRANGE: dict[str, str] = {
    "a year that Python has not": "execute_after = '-infinity'",
    "a year before Christ": "created = '0044-03-15 BC'",
}
"""What Python can not tell, but is read as the nearest time that it can."""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_what_can_not_be_read_or_written_holds_back_nobody(queue_dsn: str, driver: str) -> None:
    options: dict[str, Any] = {"work": {"on_failure": "hold"}, "typed": {}}
    with fleet(queue_dsn, driver=driver, entrypoints=options) as workers:
        sound = enqueue(queue_dsn, 20, {"sleep": 0.01})
        rows = enqueue(queue_dsn, len(UNREADABLE))
        spoil(queue_dsn, rows, UNREADABLE)
        strange = enqueue(queue_dsn, len(STRANGE))
        spoil(queue_dsn, strange, STRANGE)
        failing = [
            enqueue(queue_dsn, 1, {"fail": text})[0]
            for text in ("NUL \0 inside", "lone \ud800 surrogate", "huge " + "word " * 1_000_000)
        ]
        sound += enqueue(queue_dsn, 20, {"sleep": 0.01})
        (wrong,) = enqueue(queue_dsn, 1, {"text": 7}, "typed")
        workers.start(2)
        workers.finish()
        workers.stop()
    sound += strange
    jobs = [*sound, *rows, *failing, wrong]
    verdict = verify(queue_dsn, jobs)
    report("rows, payloads and outcomes that no program takes", driver, verdict)
    assert verdict.sound
    assert ended(queue_dsn, "successful") == set(sound)
    assert parked(queue_dsn) == {
        **dict.fromkeys(rows, "UnreadableJob"),
        **dict.fromkeys(failing, "ValueError"),
        wrong: "InvalidPayloadError",
    }
    assert not runs_of(queue_dsn, [*rows, wrong])


def spoil(dsn: str, rows: list[int], changes: dict[str, str]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for row, change in zip(rows, changes.values(), strict=True):
            connection.execute(f"UPDATE pgqueuer SET {change} WHERE id = {row}".encode())
