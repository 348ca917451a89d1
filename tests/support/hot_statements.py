"""The statements that workers, producers and dashboards repeat, and a queue to try them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

ME = UUID(int=1)
ANOTHER = UUID(int=2)
NEAR = 200
"""Rows that a statement about ten jobs may read."""
SURVEYED = 5_000 + 50_001 + 5_001
"""Rows of an entrypoint that a survey of its front may read."""
MANY_SEATS = 1_000_000
FRONT = (-(2**31), 0)

FILL = """
    INSERT INTO pgqueuer
        (priority, entrypoint, status, execute_after, queue_manager_id, dedupe_key, heartbeat)
    SELECT
        0,
        CASE
            WHEN n <= %(count)s * 0.2 THEN 'mixed'
            WHEN n <= %(count)s * 0.3 THEN 'late'
            ELSE (ARRAY['mine', 'limited', 'mixed', 'other'])[n %% 4 + 1]
        END,
        CASE
            WHEN n %% 500 = 0 THEN 'picked' WHEN n %% 50 = 1 THEN 'failed' ELSE 'queued'
        END::pgqueuer_status,
        now() + CASE WHEN n <= %(count)s * 0.3 THEN interval '1 day' ELSE interval '0' END,
        CASE
            WHEN n %% 500 <> 0 THEN NULL WHEN n <= 5000 THEN %(me)s::uuid ELSE %(another)s::uuid
        END,
        CASE WHEN n %% 10 = 3 THEN %(count)s || '/' || n END,
        now() - n * interval '1 millisecond'
    FROM generate_series(1, %(count)s::int) AS n
"""
FILL_LOG = """
    INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint, aggregated)
    SELECT
        now() - (%(count)s - n) * interval '10 milliseconds',
        n / 3,
        (ARRAY['queued', 'picked', 'successful'])[n %% 3 + 1]::pgqueuer_status,
        0,
        'mine',
        n > 10
    FROM generate_series(1, %(count)s::int) AS n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deep:
    """A queue with everything that may stand in the way.

    `mixed` has deferred jobs before those that are due, `late` has deferred jobs only, `mine` and
    `limited` are due all over the queue, `other` is of another worker. Some jobs are picked, ten of
    them by ME, and some are held as failed; each tenth has a dedupe key.
    """

    rows: int
    deferred: int
    """Jobs of `mixed` that are not due."""
    picked: int
    mine: list[int]
    """The ids of the jobs that ME holds."""
    keys: list[str]
    """Dedupe keys of queued jobs."""
    place: int
    """The id of a job in the middle."""


def fill(connection: psycopg.Connection, count: int) -> None:
    """Add so many jobs, and as many rows of the log."""
    for statement in (FILL, FILL_LOG):
        connection.execute(statement, {"count": count, "me": ME, "another": ANOTHER})


def describe(connection: psycopg.Connection) -> Deep:
    """What `fill` made."""
    row = connection.execute(
        """
        SELECT
            count(*),
            count(*) FILTER (WHERE entrypoint = 'mixed' AND execute_after > now()),
            count(*) FILTER (WHERE status = 'picked'),
            coalesce(array_agg(id ORDER BY id) FILTER (WHERE queue_manager_id = %s), '{}'),
            coalesce((array_agg(dedupe_key) FILTER (WHERE dedupe_key IS NOT NULL))[:10], '{}'),
            coalesce((min(id) + max(id)) / 2, 0)
        FROM pgqueuer
        """,
        [ME],
    ).fetchone()
    assert row is not None
    rows, deferred, picked, mine, keys, place = row
    return Deep(rows=rows, deferred=deferred, picked=picked, mine=mine, keys=keys, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A statement with its arguments, and how many rows it may read; if `whole`, all of a table."""

    statement: str
    args: tuple[object, ...] = ()
    reads: int = NEAR
    whole: bool = False


def calls(deep: Deep) -> Iterator[Call]:
    """Everything that is repeated, about ten jobs at a time."""
    yield from claims(deep)
    yield from settlements(deep)
    yield from questions(deep)
    yield from enqueues(deep)
    yield from schedules()
    yield from pages(deep)


def claims(deep: Deep) -> Iterator[Call]:
    """Who has a limit counts the jobs that are picked; the first look reads what is deferred."""
    seats = NEAR + deep.picked
    yield Call(statement="claim_one_entrypoint", args=(10, "mine", ME))
    yield Call(statement="claim", args=(10, ["mine", "other", "limited"], ME))
    args = (10, "mixed", ME)
    yield Call(statement="claim_one_entrypoint", args=args, reads=NEAR + deep.deferred)
    for names in (["mine"], ["mixed"], ["late", "other"]):
        yield Call(statement="survey_fronts", args=(names,), reads=len(names) * SURVEYED)
    for limit in (1, 10, MANY_SEATS):
        args = (10, ["limited", "mine"], ME, [limit, 0])
        yield Call(statement="claim_limited", args=args, reads=seats)
    for names in (["mixed"], ["mixed", "late"], ["mine", "mixed"]):
        for limit in (0, MANY_SEATS):
            known = [(0, deep.place) if name != "late" else FRONT for name in names]
            places = [list(each) for each in zip(*known, strict=True)]
            args = (10, names, ME, [limit] * len(names), *places)
            yield Call(statement="claim_after", args=args, reads=seats)
    args = (["limited", "mine"], ME, [MANY_SEATS, 0])
    yield Call(statement="claim_suspect", args=args, reads=seats)


def settlements(deep: Deep) -> Iterator[Call]:
    """Outcomes and leases."""
    ids, count = deep.mine, len(deep.mine)
    yield Call(statement="settle_done", args=(ids, ME, "successful"))
    for status in ("successful", "queued"):
        each = ([ME] * count, [status] * count, ["{}"] * count, [timedelta(0)] * count, [1] * count)
        yield Call(statement="settle", args=(ids, *each, "{}"))
    yield Call(statement="complete", args=(next(iter(ids), 1), ME))
    yield Call(statement="completion_state", args=("3", next(iter(ids), 1), ME))
    yield Call(statement="keep_leases", args=(ME, ids))
    yield Call(statement="update_heartbeat", args=(ids,))
    yield Call(statement="recover_claims", args=(ME, ids, "{}"))
    yield Call(statement="held_by_worker", args=(ME, ["mine", "mixed"]), reads=deep.picked)
    yield Call(statement="held_ids", args=(ME,), reads=deep.picked)
    yield Call(statement="held_jobs", args=(ME, ids), reads=deep.picked)
    yield Call(statement="cancel", args=(ids, ["{}"]))
    yield Call(statement="requeue_failed", args=(ids, "{}"))
    terms = (["mine", "limited"], [5, 5], ME, "{}", "{}")
    yield Call(statement="reap", args=(timedelta(days=1), *terms))
    # A thousand leases at most end at once; the rows are locked, joined, and written.
    yield Call(statement="reap", args=(timedelta(0), *terms), reads=NEAR + 4 * deep.picked)


def questions(deep: Deep) -> Iterator[Call]:
    """What workers ask while they rest, and now and then."""
    for name in ("mine", "mixed", "late", "nothing"):
        yield Call(statement="outlook", args=([name], [0]))
        yield Call(statement="outlook", args=([name], [10]), reads=NEAR + deep.picked)
        yield Call(statement="queued_work", args=([name],))
        yield Call(statement="eligible_queued_work", args=([name],))
        yield Call(statement="next_deferred_eta", args=([name],))
    yield Call(statement="queue_pages")
    yield Call(statement="database_time")
    yield Call(statement="whereabouts")
    yield Call(statement="statistics_may_fold")
    yield Call(statement="statistics_fold", args=(True,))
    yield Call(statement="statistics_unaggregated")
    yield Call(statement="log_job_status", args=(list(range(1, 11)),))
    yield Call(statement="log_ends", args=(deep.rows, ["successful"]))


def enqueues(deep: Deep) -> Iterator[Call]:
    """New jobs, some with keys that are taken."""
    keys = deep.keys
    count = len(keys)
    columns = ([0] * count, ["mine"] * count, [None] * count, [None] * count, [None] * count)
    yield Call(statement="enqueue", args=columns)
    yield Call(statement="enqueue_dedupe", args=(*columns, keys))
    yield Call(statement="enqueue_dedupe", args=(*columns, [f"free {key}" for key in keys]))
    yield Call(statement="enqueue_skip", args=(*columns, keys))
    yield Call(statement="enqueue_update_priority", args=(*columns, keys))


def schedules() -> Iterator[Call]:
    """These have a table of their own, which is small."""
    now, second = datetime.now(UTC), timedelta(seconds=1)
    yield Call(statement="schedule_fetch", args=(["* * * * *"], ["mine"], [second], second))
    yield Call(statement="schedule_insert", args=(["* * * * *"], ["mine"], [second]))
    yield Call(statement="schedule_peek")
    yield Call(statement="schedule_start", args=([1], [now], [now], [now], second))
    for statement in ("schedule_beat", "schedule_end"):
        yield Call(statement=statement, args=([1], [now]))
    for statement in ("schedule_heartbeat", "schedule_set_queued"):
        yield Call(statement=statement, args=([1],))


def pages(deep: Deep) -> Iterator[Call]:
    """What dashboards show: sums and searches of the queue, and windows of the log."""
    window = timedelta(minutes=1)
    yield Call(statement="insight_browse", args=(50, 0, None, None, None))
    yield Call(statement="insight_browse", args=(50, 0, ["failed"], None, None), whole=True)
    yield Call(statement="insight_browse", args=(50, 0, ["queued"], ["late"], None), whole=True)
    yield Call(statement="insight_job", args=(deep.place,))
    yield Call(statement="insight_job_history", args=(deep.place, 100))
    yield Call(statement="insight_log", args=(50,))
    yield Call(statement="insight_exceptions", args=(50,))
    yield Call(statement="insight_oldest_transaction")
    yield Call(statement="insight_schema")
    yield Call(statement="insight_stale_jobs", args=(window, 50), reads=NEAR + deep.picked)
    yield Call(statement="insight_workers", reads=NEAR + deep.picked)
    for statement in ("insight_health", "insight_queue_age", "statistics_queue_size"):
        yield Call(statement=statement, whole=True)
    yield Call(statement="insight_failed_jobs", args=(50, "DESC"), whole=True)
    yield Call(statement="insight_failure_groups", args=(window, 1000), whole=True)
    for statement in ("insight_throughput", "insight_timeseries"):
        yield Call(statement=statement, args=(window,))
    yield Call(statement="statistics_log", args=(100, window))
    yield Call(statement="insight_durations", args=(window,), whole=True)
    yield Call(statement="insight_latency", args=(window, window / 10), whole=True)
