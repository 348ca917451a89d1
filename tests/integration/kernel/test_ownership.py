from __future__ import annotations

import asyncio
import uuid
from collections import Counter

from pgqueuer import Job, PgQueuer, Queries, QueueManager
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.models import Context
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import listening, seconds, until, working

DRAIN = QueueExecutionMode.drain
TERMS = {"job": EntrypointTerms()}


async def logged(queries: Queries) -> list[str]:
    return [row.status for row in sorted(await queries.queue_log(), key=lambda row: row.created)]


async def die_with(queries: Queries, entrypoint: str, count: int, suspects: bool = False) -> None:
    """Claim jobs for a worker that never comes back, and let their leases run out."""
    jobs = await queries.claim(
        ClaimRequest(
            owner=uuid.uuid4(),
            batch_size=count,
            entrypoints={entrypoint: EntrypointTerms()},
            suspects=suspects,
        )
    )
    assert len(jobs) == (1 if suspects else count)
    await queries.driver.execute(
        "UPDATE pgqueuer SET heartbeat = now() - interval '1 day' WHERE id = ANY($1::bigint[])",
        [job.id for job in jobs],
    )


async def test_a_worker_that_lost_its_lease_changes_nothing_and_stops_its_handler(connect, queries):
    manager = QueueManager(await connect())
    stopped = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        with context.cancellation:
            await asyncio.sleep(60)
        stopped.set()

    (job_id,) = await queries.enqueue("job", None)
    thief = uuid.uuid4()
    async with working(manager, heartbeat_timeout=seconds(0.4)):
        await until(lambda: job_id in manager.job_context)
        await queries.driver.execute(
            "UPDATE pgqueuer SET queue_manager_id = $1, heartbeat = now() + interval '1 hour'",
            thief,
        )
        await until(stopped.is_set)
        await until(lambda: job_id not in manager.job_context)
    held = await queries.queue_job_by_id(job_id)
    assert held is not None
    assert (held.status, held.queue_manager_id) == ("picked", thief)
    assert await logged(queries) == ["queued", "picked"]


async def test_an_outcome_that_comes_after_the_takeover_is_dropped(connect, queries):
    manager = QueueManager(await connect())
    go_on = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        await go_on.wait()

    (job_id,) = await queries.enqueue("job", None)
    async with working(manager):
        await until(lambda: job_id in manager.job_context)
        await queries.driver.execute("UPDATE pgqueuer SET queue_manager_id = $1", uuid.uuid4())
        go_on.set()
        await until(lambda: job_id not in manager.job_context)
    assert await logged(queries) == ["queued", "picked"]
    assert (await queries.queue_job_by_id(job_id)) is not None


async def test_a_canceled_job_stops_its_handler_and_is_logged_once(connect, queries):
    manager = QueueManager(await connect())

    @manager.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        with context.cancellation:
            await asyncio.sleep(60)

    (job_id,) = await queries.enqueue("job", None)
    async with working(manager):
        await until(lambda: job_id in manager.job_context)
        await queries.mark_job_as_cancelled([job_id])
        await until(lambda: job_id not in manager.job_context)
    assert await logged(queries) == ["queued", "picked", "canceled"]


async def test_a_scope_that_the_handler_cancels_itself_ends_as_canceled(connect, queries):
    manager = QueueManager(await connect())

    @manager.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        manager.get_context(job.id).cancellation.cancel()

    await queries.enqueue("job", None)
    await manager.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "canceled"]
    assert await queries.queue_size() == []


async def test_canceling_the_run_puts_unfinished_jobs_back_without_an_attempt(connect, queries):
    manager = QueueManager(await connect())

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        await asyncio.sleep(60)

    ids = await queries.enqueue(["job"] * 20, [None] * 20)
    task = asyncio.create_task(manager.run())
    await until(lambda: len(manager.job_context) == 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    for job_id in ids:
        row = await queries.queue_job_by_id(job_id)
        assert row is not None
        assert (row.status, row.attempts, row.queue_manager_id) == ("queued", 0, None)


async def test_a_shutdown_finishes_the_running_jobs(connect, queries):
    manager = QueueManager(await connect())
    go_on = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        await go_on.wait()

    await queries.enqueue(["job"] * 5, [None] * 5)
    async with working(manager):
        await until(lambda: len(manager.job_context) == 5)
        manager.shutdown.set()
        await queries.enqueue("job", None)
        go_on.set()
    assert Counter(await logged(queries)) == {"queued": 6, "picked": 5, "successful": 5}


async def test_a_cancellation_reaches_a_handler_while_the_worker_drains(connect, queries):
    manager = QueueManager(await connect())

    @manager.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        with context.cancellation:
            await asyncio.Event().wait()

    (job_id,) = await queries.enqueue("job", None)
    async with working(manager) as run:
        await listening(manager)
        await until(lambda: job_id in manager.job_context)
        manager.shutdown.set()
        await queries.mark_job_as_cancelled([job_id])
        await until(run.done)
    assert [row.status for row in await queries.job_status([job_id])] == ["canceled"]


async def test_jobs_of_a_dead_worker_are_taken_over_with_one_more_attempt(connect, queries):
    await queries.enqueue(["job"] * 3, [None] * 3)
    await die_with(queries, "job", 3)
    manager = QueueManager(await connect())
    attempts = []

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        attempts.append(job.attempts)

    async with working(manager, heartbeat_timeout=seconds(5)):
        await until(lambda: len(attempts) == 3)
    assert attempts == [1, 1, 1]


async def test_an_idle_worker_takes_over_when_the_lease_expires_not_at_the_dequeue_timeout(
    connect, queries
):
    manager = QueueManager(await connect())
    ran = asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        ran.set()

    async with working(manager, heartbeat_timeout=seconds(1), dequeue_timeout=seconds(600)):
        await queries.driver.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, status, queue_manager_id)"
            " VALUES (0, 'job', 'picked', $1)",
            uuid.uuid4(),
        )
        await until(ran.is_set)


async def test_a_job_that_killed_too_many_workers_is_parked_whatever_on_failure_says(
    connect, queries
):
    (job_id,) = await queries.enqueue("job", None)
    for takeovers in range(2):
        await die_with(queries, "job", 1, suspects=takeovers >= 2)
        await queries.reap(None, {"job": EntrypointTerms(max_takeovers=2)}, seconds(60))
    await die_with(queries, "job", 1, suspects=True)
    manager = QueueManager(await connect())

    @manager.entrypoint("job", max_takeovers=2)
    async def job(job: Job) -> None:
        raise AssertionError("it must not run again")

    async with working(manager):
        await until(lambda: _parked(queries))
    (held,) = await queries.list_failed_jobs()
    assert (held.id, held.attempts) == (job_id, 3)
    (row,) = [row for row in await queries.queue_log() if row.status == "failed"]
    assert row.traceback is not None
    assert row.traceback.exception_type == "LeaseExpired"
    assert row.traceback.additional_context["takeovers"] == 3


async def _parked(queries: Queries) -> bool:
    return bool(await queries.list_failed_jobs())


async def test_jobs_that_worker_after_worker_died_with_run_alone(connect, queries):
    await queries.enqueue(["job"] * 3, [b"suspect"] * 3)
    for _ in range(2):
        await die_with(queries, "job", 3)
        await queries.reap(None, TERMS, seconds(60))
    await queries.enqueue(["job"] * 20, [b"fresh"] * 20)
    manager = QueueManager(await connect())
    running, beside = set(), []

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        running.add(job.id)
        if job.payload == b"suspect":
            for _ in range(20):
                await asyncio.sleep(0.001)
                beside.append(len(running) - 1)
        running.discard(job.id)

    await manager.run(mode=DRAIN)
    assert set(beside) == {0}
    assert len(beside) == 60
    assert await queries.queue_size() == []


async def test_a_worker_never_runs_a_job_twice_at_once_when_its_lease_ran_out(connect, queries):
    manager = QueueManager(await connect())
    starts, go_on = [], asyncio.Event()

    @manager.entrypoint("job")
    async def job(job: Job) -> None:
        starts.append(job.id)
        await go_on.wait()

    (job_id,) = await queries.enqueue("job", None)
    async with working(manager, heartbeat_timeout=seconds(60)):
        await until(lambda: len(starts) == 1)
        await queries.driver.execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 hour'")
        report = await queries.reap(None, TERMS, seconds(60))
        assert report.requeued == 1
        await until(lambda: _picked_again(queries))
        go_on.set()
        await until(lambda: _gone(queries, job_id))
    assert starts == [job_id]


async def _picked_again(queries: Queries) -> bool:
    return (await logged(queries)).count("picked") == 2


async def _gone(queries: Queries, job_id: int) -> bool:
    return await queries.queue_job_by_id(job_id) is None


async def test_two_managers_share_the_work_without_running_a_job_twice(connect, queries):
    seen = Counter[bytes]()

    async def worker() -> None:
        pgq = PgQueuer(queries.driver, queries=await connect())

        @pgq.entrypoint("job")
        async def job(job: Job) -> None:
            await asyncio.sleep(0)
            seen[job.payload] += 1

        await pgq.run(mode=DRAIN)

    payloads = [b"%d" % n for n in range(2_000)]
    await queries.enqueue(["job"] * 2_000, payloads)
    await asyncio.gather(*(worker() for _ in range(4)))
    assert seen == Counter(payloads)
