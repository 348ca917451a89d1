"""What only the in-memory store does; the rest is in the conformance suite."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.inmemory.queries import history, percentile_cont
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.repository import SEARCHED_JOBS, RepositoryPort

MINUTE = timedelta(minutes=1)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def queries():
    return InMemoryQueries(InMemoryDriver())


async def test_it_is_a_repository(queries):
    assert isinstance(queries, RepositoryPort)


async def test_every_schema_check_finds_what_it_looks_for(queries):
    await queries.install()
    await queries.upgrade()

    assert await queries.has_table("t")
    assert await queries.table_has_column("t", "c")
    assert await queries.table_has_index("t", "i")
    assert await queries.has_user_defined_enum("k", "e")
    assert await queries.has_function("f")
    assert await queries.has_trigger("t")


async def test_uninstall_forgets_everything(queries):
    await queries.enqueue("work", None)
    await queries.aggregate_logs()
    await queries.enqueue("work", None)
    await queries.insert_schedule({("tick", "* * * * *"): MINUTE})

    await queries.uninstall()

    assert await queries.queue_size() == []
    assert await queries.queue_log() == []
    assert await queries.log_statistics(None) == []
    assert await queries.peek_schedule() == []


async def test_probes_count_jobs(queries):
    await queries.enqueue(["work", "work", "other"], [None] * 3)
    await queries.enqueue("work", None, execute_after=MINUTE)

    assert await queries.queued_work(["work", "other", "work"]) == 4
    assert await queries.eligible_queued_work(["work", "other"]) == 3


async def test_a_job_under_a_limit_has_no_seat_number(queries):
    await queries.enqueue("work", None)
    terms = {"work": EntrypointTerms(concurrency_limit=1)}

    (job,) = await queries.claim(ClaimRequest(owner=uuid4(), batch_size=1, entrypoints=terms))

    assert job.slot is None


async def test_what_is_handed_out_is_a_copy(queries):
    (job_id,) = await queries.enqueue("work", None, headers={"a": [1]})
    job = await queries.queue_job_by_id(job_id)
    job.headers["a"].append(2)
    job.priority = 9
    (entry,) = await queries.queue_log()
    entry.status = "deleted"

    again = await queries.queue_job_by_id(job_id)
    assert (again.headers, again.priority) == ({"a": [1]}, 0)
    assert (await queries.queue_log())[0].status == "queued"


async def test_statistics_are_by_second_and_newest_first(queries, monkeypatch):
    times = [NOW + timedelta(milliseconds=400 * step) for step in range(6)]
    clock = iter(times)
    monkeypatch.setattr(history, "utc_now", lambda: next(clock))
    for _ in times:
        await queries.enqueue("work", None)

    rows = await queries.log_statistics(None)

    assert [(row.created, row.count) for row in rows] == [
        (NOW + timedelta(seconds=2), 1),
        (NOW + timedelta(seconds=1), 2),
        (NOW, 3),
    ]


async def test_throughput_is_by_minute_and_cut_to_the_window(queries, monkeypatch):
    clock = iter([NOW, NOW + 1.5 * MINUTE, NOW + 2 * MINUTE, *[NOW + 2.5 * MINUTE] * 2])
    monkeypatch.setattr(history, "utc_now", lambda: next(clock))
    await queries.enqueue(["work"] * 3, [None] * 3)

    series = await queries.throughput_timeseries(2 * MINUTE)

    assert [(bucket.bucket, bucket.count) for bucket in series] == [
        (NOW + MINUTE, 1),
        (NOW + 2 * MINUTE, 1),
    ]
    assert [row.total_count for row in await queries.throughput_summary(MINUTE)] == [2]


async def test_two_stores_share_nothing(queries):
    other = InMemoryQueries(InMemoryDriver())

    await queries.enqueue("work", None)

    assert await other.queue_size() == []


async def test_its_channel_is_its_own(queries):
    queries.use_channel("mine")

    assert queries.qbe.settings.channel == "mine"
    assert InMemoryQueries(InMemoryDriver()).qbe.settings.channel == DBSettings().channel


async def test_a_tracer_adds_headers_and_its_failure_loses_no_job():
    class Tracer:
        def trace_publish(self, entrypoints):
            for name in entrypoints:
                if name == "broken":
                    raise RuntimeError("a tracer failed")
                yield {"trace": name}

    queries = InMemoryQueries(InMemoryDriver(), Tracer())
    (first,) = await queries.enqueue("work", None, headers={"mine": 1})
    (second,) = await queries.enqueue("broken", None, headers={"mine": 2})

    assert (await queries.queue_job_by_id(first)).headers == {"mine": 1, "trace": "work"}
    assert (await queries.queue_job_by_id(second)).headers == {"mine": 2}


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [5.0, 1.0, 4.0, 2.0]])
def test_percentiles_interpolate_between_the_sorted_values(values):
    assert percentile_cont(values, 0) == min(values)
    assert percentile_cont(values, 0.5) == statistics.median(values)
    assert percentile_cont(values, 1) == max(values)


def test_percentiles_fall_between_their_neighbors():
    assert percentile_cont([0, 10, 20, 30, 40], 0.95) == pytest.approx(38)
    assert percentile_cont([0, 10], 0.25) == pytest.approx(2.5)


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        percentile_cont([], 0.5)


async def test_a_text_is_looked_for_in_the_newest_jobs_only(queries):
    (oldest,) = await queries.enqueue("old", b"needle")
    await queries.enqueue(["mail"] * SEARCHED_JOBS, [None] * SEARCHED_JOBS, [0] * SEARCHED_JOBS)

    assert await queries.browse_queue(search="needle") == []
    assert [job.id for job in await queries.browse_queue(search=str(oldest))] == [oldest]
    assert await queries.browse_queue(search="null") == []
    found = await queries.browse_queue(search="needle", entrypoints=["old"])
    assert [job.id for job in found] == [oldest]
