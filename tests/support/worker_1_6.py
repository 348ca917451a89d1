"""What a worker of 1.6 does to the database: its statements, and a loop that runs jobs with them.

Written from what is known of the layout and the rules of 1.6, for tests of fleets in which old and
new workers share a database. Writes go by job id alone, as they do there.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

POLL_SECONDS = 0.02

ENQUEUE = """
WITH added AS (
    INSERT INTO pgqueuer (priority, status, entrypoint, payload, execute_after, dedupe_key, headers)
    SELECT priority, 'queued', entrypoint, payload, now() + delay, dedupe_key, headers
    FROM unnest($1::int[], $2::text[], $3::bytea[], $4::interval[], $5::text[], $6::jsonb[])
        AS given (priority, entrypoint, payload, delay, dedupe_key, headers)
    RETURNING id, entrypoint, priority
), logged AS (
    INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'queued', entrypoint, priority FROM added
)
SELECT id FROM added ORDER BY id
"""

LIMITS = """
terms AS (
    SELECT * FROM unnest($2::text[], $5::int[]) AS given (entrypoint, seats)
), busy AS (
    SELECT entrypoint, count(*) AS jobs FROM pgqueuer
    WHERE queue_manager_id IS NOT NULL AND entrypoint = ANY ($2::text[]) GROUP BY entrypoint
), served AS (
    SELECT entrypoint, seats, CASE WHEN seats > 0 THEN seats - coalesce(jobs, 0) END AS remaining
    FROM terms LEFT JOIN busy USING (entrypoint)
    WHERE seats <= 0 OR coalesce(jobs, 0) < seats
)"""
NO_LIMITS = """
served AS (
    SELECT entrypoint, 0 AS seats, NULL::bigint AS remaining
    FROM unnest($2::text[]) AS given (entrypoint)
)"""
DEQUEUE = """
WITH {terms}, budget AS (
    SELECT {headroom} AS headroom
), open_places AS (
    SELECT job.id, job.priority, served.entrypoint, served.seats
    FROM served CROSS JOIN LATERAL (
        SELECT id, priority FROM pgqueuer
        WHERE status = 'queued' AND entrypoint = served.entrypoint AND execute_after < now()
        ORDER BY priority DESC, id LIMIT least($1::bigint, served.remaining)
    ) AS job
), fresh AS (
    SELECT job.id, job.priority, job.entrypoint, open_places.seats, FALSE AS stale
    FROM pgqueuer AS job JOIN open_places USING (id)
    WHERE job.status = 'queued' AND job.execute_after < now()
    ORDER BY job.priority DESC, job.id LIMIT $1::bigint FOR UPDATE OF job SKIP LOCKED
), stale AS (
    SELECT id, priority, entrypoint, 0 AS seats, TRUE AS stale FROM pgqueuer
    WHERE status = 'picked' AND entrypoint = ANY ($2::text[]) AND heartbeat < now() - $4::interval
        AND execute_after < now()
    ORDER BY priority DESC, id LIMIT $1::bigint FOR UPDATE SKIP LOCKED
), merged AS (
    SELECT * FROM (SELECT * FROM fresh UNION ALL SELECT * FROM stale) AS found
    ORDER BY priority DESC, id LIMIT (SELECT headroom FROM budget)
), free AS (
    SELECT served.entrypoint, seat,
        row_number() OVER (PARTITION BY served.entrypoint ORDER BY seat) AS place
    FROM served CROSS JOIN LATERAL generate_series(0, served.seats - 1) AS seat
    WHERE NOT EXISTS (
        SELECT FROM pgqueuer AS job
        WHERE job.status = 'picked' AND job.entrypoint = served.entrypoint AND job.slot = seat
    )
), ranked AS (
    SELECT merged.*, row_number() OVER (
        PARTITION BY entrypoint, stale ORDER BY priority DESC, id
    ) AS place
    FROM merged
), chosen AS (
    SELECT ranked.id, ranked.stale, free.seat
    FROM ranked
    LEFT JOIN free ON free.entrypoint = ranked.entrypoint AND free.place = ranked.place
        AND ranked.seats > 0
    WHERE ranked.seats <= 0 OR free.seat IS NOT NULL
), claimed AS (
    UPDATE pgqueuer AS job
    SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $3::uuid
        {slot}
    FROM chosen WHERE job.id = chosen.id
    RETURNING job.*
), logged AS (
    INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, status, entrypoint, priority FROM claimed
)
SELECT * FROM claimed ORDER BY priority DESC, id
"""
SEAT = ", slot = CASE WHEN chosen.stale THEN job.slot ELSE chosen.seat END"
HEADROOM = """
greatest(0, least($1::bigint, ${position}::bigint - (
    SELECT count(*) FROM pgqueuer
    WHERE queue_manager_id = $3::uuid AND entrypoint = ANY ($2::text[])
)))"""

FINISH = """
WITH given AS (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::jsonb[]) AS job (id, status, traceback)
), removed AS (
    DELETE FROM pgqueuer AS job USING given WHERE job.id = given.id AND given.status <> 'failed'
    RETURNING job.id, job.entrypoint, job.priority, given.status, given.traceback
), kept AS (
    UPDATE pgqueuer AS job SET status = 'failed', updated = now(), queue_manager_id = NULL
    FROM given WHERE job.id = given.id AND given.status = 'failed'
    RETURNING job.id, job.entrypoint, job.priority, given.status, given.traceback
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
SELECT id, status::pgqueuer_status, entrypoint, priority, traceback
FROM (SELECT * FROM removed UNION ALL SELECT * FROM kept) AS done
"""
RETRY = """
WITH back AS (
    UPDATE pgqueuer SET status = 'queued', updated = now(), attempts = attempts + 1,
        execute_after = now() + $2::interval, queue_manager_id = NULL
    WHERE id = $1 RETURNING id, entrypoint, priority
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
SELECT id, 'queued', entrypoint, priority, '{"exception_type": "RetryRequested"}' FROM back
"""
REQUEUE = """
WITH back AS (
    UPDATE pgqueuer SET status = 'queued', updated = now(), attempts = 0, execute_after = now()
    WHERE id = ANY ($1::bigint[]) AND status = 'failed' RETURNING id, entrypoint, priority
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)
SELECT id, 'queued', entrypoint, priority FROM back
"""
CANCEL = """
WITH gone AS (
    DELETE FROM pgqueuer WHERE id = ANY ($1::bigint[]) RETURNING id, entrypoint, priority
), logged AS (
    INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'canceled', entrypoint, priority FROM gone
)
SELECT pg_notify('ch_pgqueuer', $2)
"""
HEARTBEAT = "UPDATE pgqueuer SET heartbeat = now() WHERE id = ANY ($1::bigint[])"

AGGREGATE = """
WITH moved AS (
    UPDATE pgqueuer_log SET aggregated = TRUE WHERE NOT aggregated
    RETURNING created, entrypoint, priority, status
)
INSERT INTO pgqueuer_statistics AS total (count, created, entrypoint, priority, status)
SELECT count(*), date_trunc('sec', created), entrypoint, priority, status FROM moved
GROUP BY 2, 3, 4, 5
ON CONFLICT (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint)
DO UPDATE SET count = total.count + excluded.count
"""

INSERT_SCHEDULE = """
INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run)
VALUES ($1, $2, now() + $3::interval) ON CONFLICT (expression, entrypoint) DO NOTHING
"""
FETCH_SCHEDULE = """
WITH due AS (
    SELECT id FROM pgqueuer_schedules
    WHERE expression = $1 AND entrypoint = $2 AND (
        (status = 'queued' AND next_run <= now())
        OR (status = 'picked' AND heartbeat < now() - interval '30 seconds')
    )
    FOR UPDATE SKIP LOCKED
)
UPDATE pgqueuer_schedules AS schedule
SET status = 'picked', updated = now(), heartbeat = now(), next_run = now() + $3::interval
FROM due WHERE schedule.id = due.id RETURNING schedule.id
"""
BEAT_SCHEDULE = (
    "UPDATE pgqueuer_schedules SET heartbeat = now(), updated = now() WHERE id = ANY ($1::bigint[])"
)
END_SCHEDULE = """
UPDATE pgqueuer_schedules SET status = 'queued', last_run = now(), updated = now()
WHERE id = ANY ($1::bigint[])
"""

Outcome = str
"""`successful`, `exception`, `failed` (hold) or `retry`."""


async def enqueue_1_6(
    connection: asyncpg.Connection,
    entrypoints: Sequence[str],
    payloads: Sequence[bytes | None],
    *,
    keys: Sequence[str | None] | None = None,
) -> list[int]:
    """Insert jobs with a log row each; raises UniqueViolationError for a key that is taken."""
    count = len(entrypoints)
    rows = await connection.fetch(
        ENQUEUE,
        [0] * count,
        list(entrypoints),
        list(payloads),
        [timedelta(0)] * count,
        list(keys or [None] * count),
        [None] * count,
    )
    return [row["id"] for row in rows]


async def cancel_1_6(connection: asyncpg.Connection, ids: Sequence[int]) -> None:
    """Delete jobs, and tell whoever runs them."""
    event = {
        "channel": "ch_pgqueuer",
        "ids": list(ids),
        "received_at": "2026-01-01T00:00:00+00:00",
        "sent_at": "2026-01-01T00:00:00+00:00",
        "type": "cancellation_event",
    }
    await connection.execute(CANCEL, list(ids), json.dumps(event))


async def aggregate_1_6(connection: asyncpg.Connection) -> None:
    """Fold the log, unless another worker of 1.6 is at it."""
    async with connection.transaction():
        if await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('pgqueuer_log'))"):
            await connection.execute(AGGREGATE)


@dataclass(kw_only=True)
class Worker16:
    """One worker, over two connections of its own: one for its heart, one for all else."""

    connection: asyncpg.Connection
    heart: asyncpg.Connection
    limits: Mapping[str, int]
    handler: Callable[[asyncpg.Record], Awaitable[Outcome]]
    batch_size: int = 10
    heartbeat_seconds: float = 30.0
    budget: int | None = None
    owner: uuid.UUID = field(default_factory=uuid.uuid4)
    running: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    done: list[tuple[int, Outcome]] = field(default_factory=list)
    claimed: int = 0
    lost_races: int = 0

    async def dequeue(self) -> list[asyncpg.Record]:
        """One claim; a race that was lost is an empty batch."""
        limited = any(limit > 0 for limit in self.limits.values())
        args: list[object] = [
            self.batch_size,
            list(self.limits),
            self.owner,
            timedelta(seconds=self.heartbeat_seconds),
        ]
        if limited:
            args.append(list(self.limits.values()))
        headroom = "$1::bigint"
        if self.budget is not None:
            args.append(self.budget)
            headroom = HEADROOM.format(position=len(args))
        statement = DEQUEUE.format(
            terms=LIMITS if limited else NO_LIMITS,
            headroom=headroom,
            slot=SEAT if limited else "",
        )
        try:
            return await self.connection.fetch(statement, *args)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
            self.lost_races += 1
            return []

    async def run(self, shutdown: asyncio.Event) -> None:
        """Work until shutdown, then wait for what runs and write it."""
        beating = asyncio.create_task(self._beat())
        try:
            while not shutdown.is_set():
                jobs = await self.dequeue()
                for job in jobs:
                    if job["id"] not in self.running:
                        self.claimed += 1
                        self.running[job["id"]] = asyncio.create_task(self._run_job(job))
                await self.flush()
                if not jobs:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(shutdown.wait(), POLL_SECONDS)
            await asyncio.gather(*self.running.values())
            await self.flush()
        finally:
            beating.cancel()

    async def flush(self) -> None:
        """Write the outcomes that are known, by job id."""
        done, self.done = self.done, []
        finished = [(job_id, outcome) for job_id, outcome in done if outcome != "retry"]
        if finished:
            ids, outcomes = zip(*finished, strict=True)
            traces = [None if o == "successful" else '{"exception_type": "E"}' for o in outcomes]
            await self.connection.execute(FINISH, list(ids), list(outcomes), traces)
        for job_id, outcome in done:
            if outcome == "retry":
                await self.connection.execute(RETRY, job_id, timedelta(0))

    async def _run_job(self, job: asyncpg.Record) -> None:
        try:
            outcome = await self.handler(job)
            self.done.append((job["id"], outcome))
        finally:
            del self.running[job["id"]]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_seconds / 8)
            if self.running:
                await self.heart.execute(HEARTBEAT, list(self.running))


@asynccontextmanager
async def worker_1_6(
    dsn: str,
    limits: Mapping[str, int],
    handler: Callable[[asyncpg.Record], Awaitable[Outcome]],
    **options: Any,
) -> AsyncIterator[Worker16]:
    """A worker of 1.6 that runs inside the block, and ends its jobs before it leaves."""
    async with connected_1_6(dsn, limits, handler, **options) as worker:
        shutdown = asyncio.Event()
        task = asyncio.create_task(worker.run(shutdown))
        try:
            yield worker
        finally:
            shutdown.set()
            await task


@asynccontextmanager
async def connected_1_6(
    dsn: str,
    limits: Mapping[str, int],
    handler: Callable[[asyncpg.Record], Awaitable[Outcome]],
    **options: Any,
) -> AsyncIterator[Worker16]:
    """A worker of 1.6 that does nothing by itself."""
    async with AsyncExitStack() as stack:
        connections = []
        for _ in range(2):
            connections.append(await asyncpg.connect(dsn))
            stack.push_async_callback(connections[-1].close, timeout=5)
        connection, heart = connections
        yield Worker16(
            connection=connection, heart=heart, limits=limits, handler=handler, **options
        )
