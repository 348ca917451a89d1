"""Reports on the queue, for people and dashboards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from pgqueuer.domain.settings import DBSettings
from pgqueuer.models import CronExpressionEntrypoint, Job, JobId, TracebackRecord
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from pgqueuer.types import CronEntrypoint, CronExpression, QueueEntrypoint
from tests.support.open_queries import open_queries

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(request: pytest.FixtureRequest, queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn, request.param) as opened:
        yield opened


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


async def log(
    db: asyncpg.Connection, job_id: int, *steps: tuple[str, timedelta], entrypoint: str = "mail"
) -> None:
    """Log transitions of a job, each with its age."""
    for status, age in steps:
        await db.execute(
            """
            INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, created)
            VALUES ($1, $2::text::pgqueuer_status, 0, $3, now() - $4::interval)
            """,
            job_id,
            status,
            entrypoint,
            age,
        )


async def pick(
    queries: Queries, entrypoint: str, worker: UUID | None = None, count: int = 10
) -> list[Job]:
    terms = {QueueEntrypoint(entrypoint): EntrypointExecutionParameter(0)}
    return await queries.dequeue(count, terms, worker or uuid4(), None, HOUR)


async def hold(queries: Queries, entrypoint: str, count: int) -> list[JobId]:
    """Enqueue jobs and park them as failed, one after the other; return their ids."""
    for _ in range(count):
        await queries.enqueue(entrypoint, None)
        await queries.log_jobs([(job, "failed", None) for job in await pick(queries, entrypoint)])
    return sorted(job.id for job in await queries.list_failed_jobs(order="ASC"))


async def test_queue_age_is_that_of_queued_jobs_with_deferred_ones(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await queries.enqueue(["b", "a", "a", "c"], [None] * 4, [0] * 4, [None, None, HOUR, None])
    await pick(queries, "c")
    await db.execute(
        "UPDATE pgqueuer SET created = now() - interval '100 seconds' WHERE priority = 0"
    )
    await queries.enqueue("a", None)

    first, second = await queries.queue_age()

    assert (first.entrypoint, first.queued_count) == ("a", 3)
    assert (second.entrypoint, second.queued_count) == ("b", 1)
    assert 100 <= first.oldest_age_seconds < 200
    assert 200 / 3 <= first.avg_age_seconds < first.oldest_age_seconds
    assert second.avg_age_seconds == second.oldest_age_seconds


async def test_durations_go_from_the_claim_to_the_outcome_inside_the_window(
    queries: Queries, db: asyncpg.Connection
) -> None:
    queued, picked = ("queued", 50 * MINUTE), ("picked", 40 * MINUTE)
    await log(db, 1, queued, picked, ("successful", 40 * MINUTE - 10 * SECOND))
    await log(db, 2, queued, picked, ("exception", 40 * MINUTE - 20 * SECOND))
    retried = [("queued", 39 * MINUTE), ("picked", 30 * MINUTE)]
    await log(db, 3, queued, picked, *retried, ("failed", 30 * MINUTE - 30 * SECOND))
    await log(db, 4, queued, picked, ("queued", 39 * MINUTE), ("canceled", 30 * MINUTE))
    await log(db, 5, ("queued", 3 * HOUR), ("picked", 2 * HOUR), ("successful", MINUTE))
    await log(db, 6, queued, picked, ("deleted", MINUTE))
    await log(db, 7, queued, picked)
    await log(db, 8, picked, ("canceled", 40 * MINUTE - SECOND), entrypoint="other")

    mail, other = await queries.job_duration_percentiles(HOUR)
    both = await queries.job_duration_percentiles(5 * HOUR)

    assert (mail.entrypoint, mail.completed) == ("mail", 3)
    assert mail.p50_seconds == pytest.approx(20, abs=0.1)
    assert mail.p95_seconds == pytest.approx(29, abs=0.1)
    assert mail.p99_seconds == pytest.approx(29.8, abs=0.1)
    assert mail.max_seconds == pytest.approx(30, abs=0.1)
    assert (other.entrypoint, other.completed) == ("other", 1)
    assert both[0].completed == 4
    assert await queries.job_duration_percentiles(SECOND) == []


async def test_throughput_counts_transitions_in_the_window_folded_or_not(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log(db, 1, ("queued", 2 * HOUR), ("picked", MINUTE))
    await queries.aggregate_logs()
    await log(db, 2, ("picked", MINUTE), ("successful", MINUTE), entrypoint="b")
    await log(db, 3, ("picked", MINUTE))

    recent = [
        (row.entrypoint, row.status, row.total_count)
        for row in await queries.throughput_summary(HOUR)
    ]
    ever = [
        (row.entrypoint, row.status, row.total_count) for row in await queries.throughput_summary()
    ]

    assert recent == [("b", "picked", 1), ("b", "successful", 1), ("mail", "picked", 2)]
    assert ever == [*recent, ("mail", "queued", 1)]
    assert await queries.unaggregated_log_count() == 0


async def test_the_timeseries_counts_by_minute_oldest_first(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await log(db, 1, ("queued", 10 * MINUTE), ("queued", 10 * MINUTE), ("picked", 5 * MINUTE))
    await log(db, 2, ("queued", 3 * HOUR))

    first, second = await queries.throughput_timeseries(HOUR)

    assert (first.status, first.count, second.status, second.count) == ("queued", 2, "picked", 1)
    assert second.bucket - first.bucket == 5 * MINUTE
    assert (first.bucket.second, first.bucket.microsecond) == (0, 0)


async def test_active_workers_are_those_that_hold_jobs(
    queries: Queries, db: asyncpg.Connection
) -> None:
    busy, idle = uuid4(), uuid4()
    await queries.enqueue(["a", "a", "b", "c", "queued"], [None] * 5, [0] * 5)
    await pick(queries, "a", busy)
    await pick(queries, "b", busy)
    await pick(queries, "c", idle)
    await db.execute(
        "UPDATE pgqueuer SET heartbeat = heartbeat - interval '9 seconds' WHERE entrypoint = 'b'"
    )

    first, second = await queries.active_workers()

    assert (first.queue_manager_id, first.active_jobs, first.entrypoints) == (busy, 3, ["a", "b"])
    assert first.newest_heartbeat - first.oldest_heartbeat > 8 * SECOND
    assert (second.queue_manager_id, second.active_jobs) == (idle, 1)


async def test_stale_jobs_are_the_silent_ones_and_zero_means_every_picked_job(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await queries.enqueue(["a", "a", "a", "queued"], [None] * 4, [0] * 4)
    fresh, silent, longest = [job.id for job in await pick(queries, "a")]
    for job_id, age in ((silent, 400 * SECOND), (longest, HOUR), (fresh, -HOUR)):
        await db.execute(
            "UPDATE pgqueuer SET heartbeat = now() - $2::interval WHERE id = $1", job_id, age
        )

    stale = await queries.stale_jobs(5 * MINUTE)

    assert [job.id for job in stale] == [longest, silent]
    assert 400 <= stale[1].seconds_since_heartbeat < 500
    assert [job.id for job in await queries.stale_jobs(5 * MINUTE, 1)] == [longest]
    everyone = await queries.stale_jobs(timedelta(0))
    assert [job.id for job in everyone] == [longest, silent, fresh]


async def test_exception_logs_are_the_newest_first_with_their_tracebacks(queries: Queries) -> None:
    await queries.enqueue(["a"] * 3, [None] * 3, [0] * 3)
    for number, job in enumerate(await pick(queries, "a")):
        record = TracebackRecord.from_exception(RuntimeError(str(number)), job.id)
        await queries.log_jobs([(job, "exception", record)])
    await hold(queries, "held", 1)

    rows = await queries.exception_logs(2)

    messages = [row.traceback.exception_message for row in rows if row.traceback]
    assert messages == ["2", "1"]
    assert len(await queries.exception_logs()) == 3


async def test_browsing_pages_through_matching_jobs_newest_first(queries: Queries) -> None:
    names = ["a", "b", "c"] * 2
    ids = await queries.enqueue(names, [b"x"] * 6, [9, 8, 7, 6, 5, 4])
    await pick(queries, "c")

    async def browse(**options: object) -> list[int]:
        return [ids.index(job.id) for job in await queries.browse_queue(**options)]

    assert await browse() == [5, 4, 3, 2, 1, 0]
    assert await browse(limit=2, offset=1) == [4, 3]
    assert await browse(statuses=["picked"]) == [5, 2]
    assert await browse(statuses=["picked", "queued"], entrypoints=["a", "c"]) == [5, 3, 2, 0]
    assert await browse(entrypoints=["nobody"]) == await browse(statuses=[]) == []


async def test_a_job_is_found_by_id_until_it_leaves_and_its_history_stays(
    queries: Queries,
) -> None:
    (job_id,) = await queries.enqueue("a", b"\x00payload", headers={"trace": {"id": [1]}})
    (other,) = await queries.enqueue("b", None)
    (picked,) = await pick(queries, "a")

    found = await queries.queue_job_by_id(job_id)
    await queries.log_jobs([(picked, "successful", None)])

    assert found == picked
    assert found.headers == {"trace": {"id": [1]}}
    assert await queries.queue_job_by_id(job_id) is None
    assert await queries.queue_job_by_id(other) is not None
    history = await queries.job_log_history(job_id)
    assert [row.status for row in history] == ["successful", "picked", "queued"]
    assert await queries.job_log_history(job_id, 2) == history[:2]
    assert await queries.job_log_history(JobId(10**12)) == []


async def test_failed_jobs_are_ordered_by_creation_either_way(queries: Queries) -> None:
    oldest, middle, newest = await hold(queries, "held", 3)
    await queries.enqueue("held", None)

    assert [job.id for job in await queries.list_failed_jobs()] == [newest, middle, oldest]
    assert [job.id for job in await queries.list_failed_jobs(2, "ASC")] == [oldest, middle]
    with pytest.raises(ValueError, match="'ASC' or 'DESC'"):
        await queries.list_failed_jobs(order="id; DROP TABLE pgqueuer")


async def test_a_job_with_unreadable_headers_is_shown_without_them(
    queries: Queries, db: asyncpg.Connection
) -> None:
    (job_id,) = await hold(queries, "held", 1)
    await db.execute("UPDATE pgqueuer SET headers = '[1]'")

    (failed,) = await queries.list_failed_jobs()
    (browsed,) = await queries.browse_queue()

    assert failed == browsed == await queries.queue_job_by_id(job_id)
    assert failed.headers is None


async def test_schema_info_describes_the_tables_that_exist(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await queries.enqueue(["a"] * 20, [None] * 20, [0] * 20)
    await db.execute("ALTER TABLE pgqueuer_log SET UNLOGGED; ANALYZE pgqueuer")
    await db.execute("DROP TABLE pgqueuer_schedules")

    tables = {table.table_name: table for table in await queries.schema_info()}

    assert list(tables) == ["pgqueuer", "pgqueuer_log", "pgqueuer_pauses", "pgqueuer_statistics"]
    assert tables["pgqueuer"].estimated_rows == 20
    assert tables["pgqueuer_statistics"].estimated_rows == 0
    assert tables["pgqueuer_log"].persistence == "UNLOGGED"
    assert tables["pgqueuer"].persistence == "LOGGED"
    assert tables["pgqueuer"].total_size.endswith(("bytes", "kB"))


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_every_report_honours_schema_and_prefix(dsn: str, driver: str) -> None:
    settings = DBSettings(prefix="Acme_", db_schema="jobs")
    key = CronExpressionEntrypoint(CronEntrypoint("tick"), CronExpression("* * * * *"))
    async with open_queries(dsn, driver, settings) as queries:
        await queries.install()
        await queries.enqueue(["a", "a"], [None, None], [0, 0])
        done, running = await pick(queries, "a")
        await queries.log_jobs([(done, "exception", None)])
        await queries.insert_schedule({key: timedelta(0)})
        (schedule,) = await queries.fetch_schedule({key: HOUR})
        await queries.update_schedule_heartbeat({schedule.id})
        await queries.set_schedule_queued({schedule.id})

        assert len(await queries.queue_log()) == 5
        assert await queries.unaggregated_log_count() == 2
        assert sum(row.count for row in await queries.log_statistics(None)) == 5
        assert [row.count for row in await queries.queue_size()] == [1]
        assert [row.status for row in await queries.job_status([done.id])] == ["exception"]
        assert await queries.queue_age() == []
        assert [row.completed for row in await queries.job_duration_percentiles(HOUR)] == [1]
        assert sum(row.total_count for row in await queries.throughput_summary()) == 5
        assert sum(row.count for row in await queries.throughput_timeseries(HOUR)) == 5
        assert [row.active_jobs for row in await queries.active_workers()] == [1]
        assert [row.id for row in await queries.stale_jobs(timedelta(0))] == [running.id]
        assert [row.job_id for row in await queries.exception_logs()] == [done.id]
        assert await queries.browse_queue() == [await queries.queue_job_by_id(running.id)]
        assert await queries.list_failed_jobs() == []
        assert len(await queries.job_log_history(done.id)) == 3
        assert [row.id for row in await queries.peek_schedule()] == [schedule.id]
        names = [table.table_name for table in await queries.schema_info()]
        assert sorted(names) == [
            "Acme_pgqueuer",
            "Acme_pgqueuer_log",
            "Acme_pgqueuer_pauses",
            "Acme_pgqueuer_schedules",
            "Acme_pgqueuer_statistics",
        ]
        await queries.delete_schedule({schedule.id}, set())
        await queries.clear_schedule()
        await queries.clear_statistics_log("a")
        await queries.clear_queue_log("a")
        await queries.clear_statistics_log()
        await queries.clear_queue_log()
        assert await queries.queue_log() == []


async def test_health_is_that_of_jobs_that_could_run_and_of_those_that_run(
    queries: Queries, db: asyncpg.Connection
) -> None:
    await queries.enqueue(["a", "b"], [None, None], [0, 0], [None, timedelta(hours=1)])
    await db.execute(
        "UPDATE pgqueuer SET created = created - interval '2 hours', "
        "execute_after = execute_after - interval '10 minutes'"
    )
    ready, deferred = await queries.entrypoint_health()

    assert (ready.entrypoint, deferred.entrypoint) == ("a", "b")
    assert 600 <= ready.waiting_seconds < 700
    assert (ready.silent_seconds, deferred.waiting_seconds) == (0, 0)

    await db.execute(
        "UPDATE pgqueuer SET status = 'picked', heartbeat = now() - interval '5 minutes'"
    )
    silent = await queries.entrypoint_health()

    assert all(300 <= row.silent_seconds < 400 and row.waiting_seconds == 0 for row in silent)


async def test_the_oldest_transaction_is_that_of_another_session(
    queries: Queries, queue_dsn: str
) -> None:
    other = await asyncpg.connect(queue_dsn)
    async with other.transaction():
        await other.fetchval("SELECT 1")
        assert await queries.oldest_transaction() > 0
    await other.close(timeout=5)
