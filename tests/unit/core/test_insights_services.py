"""What dashboards make of the repository's reports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.insights import (
    DEFAULT_STALE_THRESHOLD,
    DEFAULT_WINDOW,
    MAX_WINDOW,
    InsightsService,
    QueueManagementService,
    clamp_window,
    sparkline_buckets,
)
from pgqueuer.domain.models import ThroughputBucket
from pgqueuer.models import Job, JobId
from pgqueuer.queries import EntrypointExecutionParameter
from pgqueuer.types import JOB_STATUS, QueueEntrypoint

HOUR = timedelta(hours=1)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def repository() -> AsyncIterator[InMemoryQueries]:
    async with InMemoryDriver() as driver:
        yield InMemoryQueries(driver)


@pytest.fixture
def insights(repository: InMemoryQueries) -> InsightsService:
    return InsightsService(repository)


async def pick(repository: InMemoryQueries, entrypoint: str) -> list[Job]:
    terms = {QueueEntrypoint(entrypoint): EntrypointExecutionParameter(0)}
    return await repository.dequeue(10, terms, uuid4(), None, HOUR)


async def run(repository: InMemoryQueries, entrypoint: str, *outcomes: JOB_STATUS) -> None:
    """Enqueue and run a job for each outcome."""
    await repository.enqueue(
        [entrypoint] * len(outcomes), [None] * len(outcomes), [0] * len(outcomes)
    )
    jobs = await pick(repository, entrypoint)
    await repository.log_jobs(
        [(job, status, None) for job, status in zip(jobs, outcomes, strict=True)]
    )


def bucket(
    entrypoint: str, minutes_ago: int, count: int = 1, status: JOB_STATUS = "successful"
) -> ThroughputBucket:
    return ThroughputBucket(
        bucket=NOON - timedelta(minutes=minutes_ago),
        entrypoint=QueueEntrypoint(entrypoint),
        status=status,
        count=count,
    )


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        (None, DEFAULT_WINDOW),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(0), timedelta(seconds=1)),
        (-HOUR, timedelta(seconds=1)),
        (timedelta(days=7), MAX_WINDOW),
    ],
)
def test_a_window_lies_between_a_second_and_a_day(asked: timedelta | None, used: timedelta) -> None:
    assert clamp_window(asked) == used


def test_the_defaults_are_those_of_the_public_interface() -> None:
    assert (DEFAULT_WINDOW, MAX_WINDOW) == (HOUR, 24 * HOUR)
    assert timedelta(minutes=5) == DEFAULT_STALE_THRESHOLD


def test_sparklines_end_together_at_the_newest_minute() -> None:
    lines = sparkline_buckets(
        [bucket("a", 0, 2), bucket("b", 3, 5), bucket("b", 29), bucket("b", 30)]
    )

    assert lines["a"] == [0] * 29 + [2]
    assert lines["b"] == [1] + [0] * 25 + [5, 0, 0, 0]


def test_sparklines_add_up_outcomes_and_leave_out_other_transitions() -> None:
    series = [
        bucket("a", 1, 1, "exception"),
        bucket("a", 1, 2, "failed"),
        bucket("a", 1, 3, "canceled"),
        bucket("a", 1, 100, "picked"),
        bucket("a", 0, 100, "queued"),
    ]

    assert sparkline_buckets(series, slots=3) == {"a": [0, 6, 0]}
    assert sparkline_buckets([]) == {}


async def test_the_overview_of_an_empty_queue_is_zero(insights: InsightsService) -> None:
    overview = await insights.overview()

    assert overview.oldest_queued_age_seconds is None
    assert not any(overview.model_dump(exclude={"oldest_queued_age_seconds"}).values())


async def test_the_overview_counts_over_all_entrypoints(
    insights: InsightsService, repository: InMemoryQueries
) -> None:
    await run(repository, "a", "successful", "exception", "failed")
    await run(repository, "b", "exception")
    await repository.enqueue(["c", "d", "d"], [None] * 3, [0, 0, 1])
    await pick(repository, "c")

    overview = await insights.overview(HOUR)

    assert overview.queued_total == 2
    assert overview.picked_total == overview.active_workers == overview.failed_total == 1
    assert overview.exceptions_recent == 2
    assert overview.oldest_queued_age_seconds is not None


async def test_entrypoints_are_listed_by_name_with_what_they_have_and_did(
    insights: InsightsService, repository: InMemoryQueries
) -> None:
    await run(repository, "worked", "successful", "successful", "exception", "failed", "canceled")
    await repository.enqueue(["waiting", "waiting"], [None] * 2, [0, 5])

    waiting, worked = await insights.entrypoint_stats()

    assert (waiting.entrypoint, waiting.queued, waiting.completed) == ("waiting", 2, 0)
    assert waiting.oldest_age_seconds is not None
    assert (waiting.failure_rate, waiting.p50_seconds) == (None, None)
    assert waiting.sparkline == [0] * 30
    assert (worked.entrypoint, worked.queued, worked.picked) == ("worked", 0, 0)
    assert (worked.completed, worked.failure_rate) == (5, pytest.approx(2 / 5))
    assert worked.oldest_age_seconds is None
    assert worked.p50_seconds is not None
    assert (len(worked.sparkline), sum(worked.sparkline)) == (30, 5)


async def test_stale_jobs_are_silent_for_five_minutes_unless_said_otherwise(
    insights: InsightsService, repository: InMemoryQueries
) -> None:
    await repository.enqueue("a", None)
    (job,) = await pick(repository, "a")

    assert await insights.stale_jobs() == []
    assert [stale.id for stale in await insights.stale_jobs(timedelta(0))] == [job.id]


async def test_reports_are_passed_on_as_the_repository_gives_them(
    insights: InsightsService, repository: InMemoryQueries
) -> None:
    await run(repository, "a", "exception", "failed")
    (queued,) = await repository.enqueue("b", None)
    pairs: list[tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]] = [
        (insights.queue_size, repository.queue_size),
        (insights.active_workers, repository.active_workers),
        (insights.exception_logs, repository.exception_logs),
        (insights.failed_jobs, repository.list_failed_jobs),
        (insights.browse_queue, repository.browse_queue),
        (insights.schedules, repository.peek_schedule),
        (insights.schema_info, repository.schema_info),
        (insights.unaggregated_log_count, repository.unaggregated_log_count),
        (lambda: insights.job(queued), lambda: repository.queue_job_by_id(queued)),
        (lambda: insights.job_history(queued), lambda: repository.job_log_history(queued)),
        (lambda: insights.job_durations(HOUR), lambda: repository.job_duration_percentiles(HOUR)),
        (lambda: insights.throughput(HOUR), lambda: repository.throughput_summary(HOUR)),
        (
            lambda: insights.throughput_timeseries(HOUR),
            lambda: repository.throughput_timeseries(HOUR),
        ),
    ]

    for ours, theirs in pairs:
        assert await ours() == await theirs()


async def test_managing_requeues_held_jobs_and_cancels_any(repository: InMemoryQueries) -> None:
    await run(repository, "a", "failed", "failed")
    first, second = sorted(job.id for job in await repository.list_failed_jobs())
    management = QueueManagementService(repository)

    await management.requeue([first, JobId(999)])
    await management.cancel([second])

    left = [(job.id, job.status) for job in await repository.browse_queue()]
    assert left == [(first, "queued")]
    (status,) = await repository.job_status([second])
    assert status.status == "canceled"
