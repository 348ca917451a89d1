"""Workers of 1.6 and ours on one database: every job has one outcome, and limits hold."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from pgqueuer import Job, Queries, QueueManager
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.domain.models import Context, CronExpressionEntrypoint
from pgqueuer.types import QueueEntrypoint, QueueManagerId
from tests.support.kernel import PATIENCE, seconds, until, working
from tests.support.mixed_fleet import (
    FREE,
    HELD,
    LIMITS,
    NARROW,
    SINGLE,
    ends,
    enqueue_some,
    old_worker,
    only_held_left,
    our_worker,
    put_back,
    watched_limits,
)
from tests.support.worker_1_6 import (
    BEAT_SCHEDULE,
    END_SCHEDULE,
    FETCH_SCHEDULE,
    INSERT_SCHEDULE,
    REQUEUE,
    Outcome,
    aggregate_1_6,
    cancel_1_6,
    connected_1_6,
    enqueue_1_6,
    worker_1_6,
)

TICK = CronExpressionEntrypoint("tick", "* * * * *")
HOUR = timedelta(hours=1)


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def test_every_job_has_one_outcome_and_limits_hold_across_the_fleet(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    ours: Counter[int] = Counter()
    theirs: Counter[int] = Counter()
    async with AsyncExitStack() as stack:
        most = await stack.enter_async_context(watched_limits(queue_dsn))
        for budget in (None, 20):
            await stack.enter_async_context(our_worker(queue_dsn, ours))
            await stack.enter_async_context(old_worker(queue_dsn, theirs, budget=budget))
        ids: list[int] = []
        async with asyncio.timeout(PATIENCE):
            while not (ours and theirs and len(ids) >= 480):
                ids += await enqueue_some(db, 5)
                await until(lambda: only_held_left(db))

    assert await ends(db) == Counter(ids)
    assert ours + theirs == Counter(ids) + await put_back(db)
    assert (most[NARROW] <= 3, most[SINGLE]) == (True, 1)
    held = await db.fetch("SELECT queue_manager_id FROM pgqueuer WHERE entrypoint = 'held'")
    assert [row["queue_manager_id"] for row in held] == [None] * (len(ids) // 12)
    assert await db.fetchval("SELECT count(*) FROM pgqueuer") == len(held)


async def test_jobs_that_one_side_put_back_are_run_by_the_other(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    """Seats and owners that 1.6 leaves in rows hinder nobody."""
    ran: Counter[int] = Counter()
    ids = await enqueue_1_6(db, [NARROW, HELD] * 4, [b"ok"] * 8)
    async with connected_1_6(queue_dsn, {NARROW: 3, HELD: 0}, never) as old:
        assert len(await old.dequeue()) == 7
        old.done = [(ids[0], "retry"), (ids[2], "retry"), *((held, "failed") for held in ids[1::2])]
        await old.flush()
        old.done = [(ids[4], "retry")]
        await old.flush()
    await db.execute(REQUEUE, ids[1::2])

    async with our_worker(queue_dsn, ran):
        await until(lambda: only_held_left(db))

    assert ran == Counter(ids)
    assert await db.fetchval("SELECT count(*) FROM pgqueuer") == 0


async def never(_: asyncpg.Record) -> Outcome:
    raise AssertionError("this worker does not run jobs")


async def test_our_workers_take_over_from_dead_ones_of_1_6(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    ran: Counter[int] = Counter()
    ids = await enqueue_1_6(db, [SINGLE, FREE], [b"ok"] * 2)
    async with connected_1_6(queue_dsn, LIMITS, never) as dead:
        assert len(await dead.dequeue()) == 2
    await db.execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 hour'")

    async with our_worker(queue_dsn, ran):
        await until(lambda: only_held_left(db))

    assert ran == Counter(ids)
    assert await ends(db) == Counter(ids)


async def test_workers_of_1_6_take_over_from_dead_ones_of_ours(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    queries = Queries(AsyncpgDriver(db))
    ids = await queries.enqueue([SINGLE, FREE], [b"ok"] * 2, [0, 0])
    owner = QueueManagerId(uuid.uuid4())
    terms = {
        QueueEntrypoint(name): EntrypointTerms(concurrency_limit=limit)
        for name, limit in LIMITS.items()
    }
    request = ClaimRequest(owner=owner, batch_size=10, entrypoints=terms)
    assert len(await queries.claim(request)) == 2
    await db.execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 hour'")

    async with connected_1_6(queue_dsn, LIMITS, never) as old:
        assert len(await old.dequeue()) == 2
        # The first owner comes back: it holds nothing any more, and changes nothing.
        lost = await queries.settle([Settlement(job_id, owner, "exception") for job_id in ids])
        assert sorted(lost) == sorted(ids)
        old.done = [(job_id, "successful") for job_id in ids]
        await old.flush()

    assert await ends(db) == Counter(ids)
    assert {row.status for row in await queries.job_status(ids)} == {"successful"}


async def test_an_old_worker_that_was_cut_off_ends_a_job_of_ours_once(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    """It writes by job id, whoever owns the job; ours then finds nothing to settle."""
    queries = Queries(AsyncpgDriver(db))
    (job_id,) = await queries.enqueue([FREE], [b"ok"], [0])
    owner = QueueManagerId(uuid.uuid4())
    terms = {QueueEntrypoint(FREE): EntrypointTerms()}
    async with connected_1_6(queue_dsn, LIMITS, never) as old:
        assert len(await old.dequeue()) == 1
        await queries.reap(owner, terms, timedelta(0))
        request = ClaimRequest(owner=owner, batch_size=1, entrypoints=terms)
        assert len(await queries.claim(request)) == 1
        old.done = [(job_id, "successful")]
        await old.flush()

    assert await queries.keep_leases(owner, [job_id]) == [job_id]
    assert await queries.settle([Settlement(job_id, owner, "exception")]) == [job_id]
    assert await ends(db) == Counter([job_id])


async def test_a_live_worker_of_1_6_is_not_taken_for_dead(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    """Its lease is longer than that of ours would be without its heartbeats."""
    ran: Counter[int] = Counter()
    gate, started = asyncio.Event(), asyncio.Event()

    async def slow(_: asyncpg.Record) -> Outcome:
        started.set()
        await gate.wait()
        return "successful"

    async with worker_1_6(queue_dsn, LIMITS, slow, heartbeat_seconds=1.0) as old:
        (job_id,) = await enqueue_1_6(db, [FREE], [b"ok"])
        await asyncio.wait_for(started.wait(), 20)
        async with our_worker_with(queue_dsn, ran, seconds(1.0)) as ours:
            beats = "SELECT heartbeat - created > interval '2 seconds' FROM pgqueuer"
            await until(lambda: is_true(db, beats))
            assert (ran, old.claimed) == (Counter(), 1)
            gate.set()
            await until(lambda: only_held_left(db))
            assert not ours.done()

    assert await ends(db) == Counter([job_id])


async def is_true(db: asyncpg.Connection, query: str) -> bool:
    return bool(await db.fetchval(query))


@asynccontextmanager
async def our_worker_with(
    dsn: str, ran: Counter[int], heartbeat_timeout: timedelta
) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncpg.create_pool(dsn, min_size=2, max_size=3) as pool:
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))

        @manager.entrypoint(FREE)
        async def free(job: Job) -> None:
            ran[job.id] += 1

        async with working(manager, heartbeat_timeout=heartbeat_timeout) as task:
            yield task


async def test_a_cancellation_by_1_6_stops_our_handler(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    started, canceled = asyncio.Event(), asyncio.Event()
    async with asyncpg.create_pool(queue_dsn, min_size=2, max_size=3) as pool:
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))

        @manager.entrypoint(FREE)
        async def free(job: Job, context: Context) -> None:
            started.set()
            with context.cancellation:
                await asyncio.sleep(3600)
            canceled.set()

        async with working(manager):
            (job_id,) = await enqueue_1_6(db, [FREE], [None])
            await asyncio.wait_for(started.wait(), 20)
            await cancel_1_6(db, [job_id])
            await asyncio.wait_for(canceled.wait(), 20)

    log = await db.fetch("SELECT status::text FROM pgqueuer_log ORDER BY id")
    assert [row["status"] for row in log] == ["queued", "picked", "canceled"]


async def test_our_watcher_sees_ends_by_workers_of_1_6(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    ran: Counter[int] = Counter()
    driver = AsyncpgDriver(db)
    queries = Queries(driver)
    async with CompletionWatcher(driver, queries=queries) as watcher:
        good, bad = await queries.enqueue([FREE, FREE], [b"ok", b"bad"], [0, 0])
        waiters = [watcher.wait_for(good), watcher.wait_for(bad)]
        async with old_worker(queue_dsn, ran):
            assert await asyncio.wait_for(asyncio.gather(*waiters), 20) == [
                "successful",
                "exception",
            ]


async def test_a_dedupe_key_is_one_for_both(queue_dsn: str, db: asyncpg.Connection) -> None:
    queries = Queries(AsyncpgDriver(db))
    await queries.enqueue(FREE, None, dedupe_key="a")
    with pytest.raises(asyncpg.UniqueViolationError):
        await enqueue_1_6(db, [FREE], [None], keys=["a"])
    await enqueue_1_6(db, [FREE], [None], keys=["b"])
    assert await queries.enqueue(FREE, None, dedupe_key="b", on_conflict="skip") == [None]


async def test_statistics_count_once_whoever_folds_and_prunes(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    ran: Counter[int] = Counter()
    async with AsyncExitStack() as stack:
        connections = [await asyncpg.connect(queue_dsn) for _ in range(3)]
        for connection in connections:
            stack.push_async_callback(connection.close)
        await stack.enter_async_context(our_worker(queue_dsn, ran))
        await stack.enter_async_context(old_worker(queue_dsn, ran))
        ids = await enqueue_some(db, 5)
        ours, folding, pruning = connections
        async with asyncio.timeout(PATIENCE):
            while not await only_held_left(db):
                await asyncio.gather(
                    Queries(AsyncpgDriver(ours)).aggregate_logs(),
                    aggregate_1_6(folding),
                    Queries(AsyncpgDriver(pruning)).prune_log(HOUR),
                )
        await Queries(AsyncpgDriver(ours)).aggregate_logs()
    await Queries(AsyncpgDriver(db)).aggregate_logs()

    logged = await counts(db, "SELECT status::text, count(*) AS n FROM pgqueuer_log GROUP BY 1")
    counted = await counts(
        db, "SELECT status::text, sum(count)::bigint AS n FROM pgqueuer_statistics GROUP BY 1"
    )
    assert counted == logged
    # A job that comes back before its last outcome is known here is put back, and does not run.
    assert counted["picked"] >= ran.total() >= len(ids)
    # The whole log goes; the counts stay.
    await Queries(AsyncpgDriver(db)).prune_log(timedelta(0))
    assert await db.fetchval("SELECT count(*) FROM pgqueuer_log") == 10
    assert counted == await counts(
        db, "SELECT status::text, sum(count)::bigint AS n FROM pgqueuer_statistics GROUP BY 1"
    )


async def counts(db: asyncpg.Connection, query: str) -> dict[str, int]:
    return {row["status"]: row["n"] for row in await db.fetch(query)}


async def test_a_tick_runs_once_and_is_taken_over_either_way(
    queue_dsn: str, db: asyncpg.Connection
) -> None:
    queries = Queries(AsyncpgDriver(db))
    key = (TICK.expression, TICK.entrypoint)
    await db.execute(INSERT_SCHEDULE, *key, timedelta(0))
    await queries.insert_schedule({TICK: timedelta(0)})

    (old,) = await db.fetch(FETCH_SCHEDULE, *key, HOUR)
    assert await queries.fetch_schedule({TICK: HOUR}) == []
    await db.execute(BEAT_SCHEDULE, [old["id"]])
    await due_again(db)
    assert await queries.fetch_schedule({TICK: HOUR}) == []
    await db.execute("UPDATE pgqueuer_schedules SET heartbeat = now() - interval '1 hour'")
    (ours,) = await queries.fetch_schedule({TICK: HOUR})
    assert ours.id == old["id"]
    assert await db.fetch(FETCH_SCHEDULE, *key, HOUR) == []
    await queries.set_schedule_queued({ours.id})

    await due_again(db)
    assert len(await queries.fetch_schedule({TICK: HOUR})) == 1
    await db.execute("UPDATE pgqueuer_schedules SET heartbeat = now() - interval '1 hour'")
    await due_again(db)
    (back,) = await db.fetch(FETCH_SCHEDULE, *key, HOUR)
    await db.execute(END_SCHEDULE, [back["id"]])
    (row,) = await queries.peek_schedule()
    assert (row.status, row.last_run is None) == ("queued", False)


async def due_again(db: asyncpg.Connection) -> None:
    await db.execute("UPDATE pgqueuer_schedules SET next_run = now() - interval '1 second'")


async def test_a_fleet_can_go_back_to_1_6(queue_dsn: str, db: asyncpg.Connection) -> None:
    """What ours left behind, suspects and seats too, is run by workers of 1.6 alone."""
    queries = Queries(AsyncpgDriver(db))
    ids = await queries.enqueue([NARROW] * 6 + [FREE] * 6, [b"ok"] * 12, [0] * 12)
    terms = {QueueEntrypoint(NARROW): EntrypointTerms(concurrency_limit=3)}
    for _ in range(2):
        owner = QueueManagerId(uuid.uuid4())
        request = ClaimRequest(owner=owner, batch_size=3, entrypoints=terms)
        assert len(await queries.claim(request)) == 3
        await queries.reap(None, terms, timedelta(0))
    parked = await queries.claim(
        ClaimRequest(owner=owner, batch_size=1, entrypoints={QueueEntrypoint(FREE): terms[NARROW]})
    )
    await queries.settle([Settlement(job.id, owner, "failed") for job in parked])
    suspects = "SELECT count(*) FROM pgqueuer WHERE takeovers >= 2"
    assert await db.fetchval(suspects) == 3

    ran: Counter[int] = Counter()
    async with old_worker(queue_dsn, ran):
        await db.execute(REQUEUE, [job.id for job in parked])
        await until(lambda: only_held_left(db))
        (last,) = await enqueue_1_6(db, [SINGLE], [b"ok"])
        await until(lambda: only_held_left(db))

    assert ran == Counter([*ids, last])
    assert await db.fetchval("SELECT count(*) FROM pgqueuer") == 0
