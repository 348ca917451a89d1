"""Judges what a fleet of recorded workers did: see `recorded_worker` and `fleet`.

What handlers recorded, what is in the queue and what is in the log must agree: every job that was
enqueued ended once, or is in the queue; nothing is picked without a live owner; no worker ran a job
twice at a time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import psycopg

TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id uuid PRIMARY KEY,
    job_id bigint NOT NULL,
    attempt int NOT NULL,
    owner uuid NOT NULL,
    pid int NOT NULL,
    started float8 NOT NULL,
    ended float8,
    outcome text
);
CREATE INDEX IF NOT EXISTS runs_job_id ON runs (job_id);
CREATE TABLE IF NOT EXISTS workers (owner uuid PRIMARY KEY, pid int NOT NULL, entered float8);
CREATE TABLE IF NOT EXISTS effects (job_id bigint NOT NULL);
CREATE TABLE IF NOT EXISTS deaths (pid int PRIMARY KEY, died float8 NOT NULL);
"""
"""Times are seconds since 1970, by the clock of the machine. `deaths` are written by who kills."""

LOST = """
SELECT id FROM unnest(%(jobs)s::bigint[]) AS job (id)
WHERE NOT EXISTS (SELECT FROM pgqueuer WHERE pgqueuer.id = job.id)
    AND NOT EXISTS (
        SELECT FROM pgqueuer_log
        WHERE job_id = job.id AND status IN ('successful', 'exception', 'canceled', 'deleted')
    )
"""
STUCK = """
SELECT id FROM pgqueuer
WHERE status = 'picked' AND queue_manager_id IS NULL
    OR status = 'picked' AND queue_manager_id <> ALL (%(live)s::uuid[])
"""
DUPLICATES = """
SELECT job_id FROM pgqueuer_log
WHERE status IN ('successful', 'exception', 'canceled', 'deleted')
GROUP BY job_id HAVING count(*) > 1
"""
OVERLAPS = """
WITH span AS (
    SELECT runs.*, coalesce(runs.ended, deaths.died, 'infinity') AS until
    FROM runs LEFT JOIN deaths USING (pid)
)
SELECT one.job_id FROM span AS one JOIN span AS other USING (job_id)
WHERE one.id <> other.id
    AND (one.started, one.id) < (other.started, other.id)
    AND other.started < one.until
    AND (NOT %(own)s OR one.owner = other.owner)
"""
LIVE = "SELECT DISTINCT ON (pid) owner, pid FROM workers ORDER BY pid, entered DESC"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found. All but the first two should be empty; `overlapping` may not be, see there.

    `overlapping` jobs ran twice at a time, which a worker that was stopped but not dead makes
    unavoidable; `own_overlapping` ran so in one worker, which never is.
    """

    jobs: int
    runs: int
    lost: tuple[int, ...]
    stuck: tuple[int, ...]
    duplicate: tuple[int, ...]
    overlapping: tuple[int, ...]
    own_overlapping: tuple[int, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, stuck, ended twice or ran twice in one worker."""
        return not (self.lost or self.stuck or self.duplicate or self.own_overlapping)

    def __str__(self) -> str:
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            count = value if isinstance(value, int) else len(value)
            parts.append(f"{field.name.replace('_', ' ')} {count}")
        return ", ".join(parts)


class Run(NamedTuple):
    """One run; without an end while it goes on, or when its process died."""

    job_id: int
    attempt: int
    started: float
    ended: float | None
    outcome: str | None


def prepare(dsn: str) -> None:
    """Make the tables that recorded workers write to."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TABLES)


def verify(dsn: str, jobs: Collection[int]) -> Verdict:
    """Judge the `jobs`, all that were enqueued and committed; best when the fleet is at rest."""
    with psycopg.connect(dsn) as connection:

        def found(query: str, **given: object) -> tuple[int, ...]:
            rows = connection.execute(query, given).fetchall()
            return tuple(sorted({row[0] for row in rows}))

        live = [owner for owner, pid in connection.execute(LIVE) if is_alive(pid)]
        row = connection.execute("SELECT count(*) FROM runs").fetchone()
        assert row is not None
        return Verdict(
            jobs=len(jobs),
            runs=row[0],
            lost=found(LOST, jobs=list(jobs)),
            stuck=found(STUCK, live=live),
            duplicate=found(DUPLICATES),
            overlapping=found(OVERLAPS, own=False),
            own_overlapping=found(OVERLAPS, own=True),
        )


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        return _answers(pid)
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def effects(dsn: str) -> Counter[int]:
    """How often each job had its effect."""
    with psycopg.connect(dsn) as connection:
        return Counter(job_id for (job_id,) in connection.execute("SELECT job_id FROM effects"))


def runs_of(dsn: str, jobs: Collection[int]) -> list[Run]:
    """The runs of these jobs, in the order in which they began."""
    query = """
        SELECT job_id, attempt, started, ended, outcome FROM runs
        WHERE job_id = ANY (%s::bigint[]) ORDER BY started
    """
    with psycopg.connect(dsn) as connection:
        return [Run(*row) for row in connection.execute(query, [list(jobs)])]


def waiting(dsn: str) -> int:
    """How many jobs are queued or picked."""
    query = "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')"
    return _number(dsn, query)


def seconds_until_next_start(dsn: str, moment: float) -> float | None:
    """From `moment`, by `time.time()`, until a handler started; None when none has yet."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT min(started) FROM runs WHERE started > %s", [moment])
        (started,) = row.fetchone() or (None,)
    return None if started is None else started - moment


def seconds_until_taken_over(dsn: str, jobs: Collection[int], moment: float) -> float | None:
    """From `moment` until the last of the `jobs` had started again; None when one has not yet.

    0 where there are none: a worker that is killed between two claims holds nothing.
    """
    query = """
        SELECT job_id, min(started) FROM runs
        WHERE job_id = ANY (%s::bigint[]) AND started > %s GROUP BY job_id
    """
    with psycopg.connect(dsn) as connection:
        starts = dict(connection.execute(query, [list(jobs), moment]).fetchall())
    return max(starts.values(), default=moment) - moment if len(starts) == len(set(jobs)) else None


def report(fault: str, driver: str, verdict: Verdict, recovered: float | None = None) -> str:
    """Print one line about a fault; `recovered` is in seconds.

    The line is also added to the file that `PGQUEUER_TEST_REPORT` names.
    """
    line = f"{fault} [{driver}]: {verdict}"
    if recovered is not None:
        line += f", recovered in {recovered:.2f} s"
    print(line)
    target = os.environ.get("PGQUEUER_TEST_REPORT")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return line


def _number(dsn: str, query: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])
