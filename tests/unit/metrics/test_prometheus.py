"""The queue as Prometheus reads it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.domain.models import LogStatistics, QueueStatistics
from pgqueuer.metrics.prometheus import (
    MetricNames,
    aggregated_statistics,
    collect_metrics,
    prometheus_format,
)
from pgqueuer.queries import EntrypointExecutionParameter
from pgqueuer.types import QueueEntrypoint


@pytest.fixture
async def repository() -> AsyncIterator[InMemoryQueries]:
    async with InMemoryDriver() as driver:
        yield InMemoryQueries(driver)


def test_a_sample_is_one_line() -> None:
    assert prometheus_format("jobs", {"a": "1", "b": "x y"}, 3) == 'jobs{a="1",b="x y"} 3'
    assert prometheus_format("jobs", {}, 0.5) == "jobs{} 0.5"


def test_label_values_are_escaped() -> None:
    line = prometheus_format("jobs", {"entrypoint": 'C:\\mail\n"now"'}, 1)

    assert line == r'jobs{entrypoint="C:\\mail\n\"now\""} 1'


def test_priorities_are_added_up() -> None:
    statistics = [
        QueueStatistics(
            count=count, entrypoint=QueueEntrypoint("a"), priority=priority, status="queued"
        )
        for count, priority in ((2, 0), (3, 7))
    ]

    assert list(aggregated_statistics(statistics, "jobs")) == [
        'jobs{aggregation="sum",entrypoint="a",status="queued"} 5'
    ]


async def test_a_scrape_has_jobs_and_transitions(repository: InMemoryQueries) -> None:
    await repository.enqueue(["b", "a", "a"], [None] * 3, [0, 1, 2])
    terms = {QueueEntrypoint("b"): EntrypointExecutionParameter(0)}
    await repository.dequeue(1, terms, uuid4(), None, timedelta(seconds=30))

    text = await collect_metrics(repository)

    counts, ages = text.split("# HELP pgqueuer_queue_waiting_seconds")
    assert counts == "\n".join(
        [
            "# HELP pgqueuer_queue_count Jobs in the queue now.",
            "# TYPE pgqueuer_queue_count gauge",
            'pgqueuer_queue_count{aggregation="sum",entrypoint="a",status="queued"} 2',
            'pgqueuer_queue_count{aggregation="sum",entrypoint="b",status="picked"} 1',
            "# HELP pgqueuer_logs_count Jobs that entered a status in the last 300 seconds.",
            "# TYPE pgqueuer_logs_count gauge",
            'pgqueuer_logs_count{aggregation="sum",entrypoint="a",status="queued"} 2',
            'pgqueuer_logs_count{aggregation="sum",entrypoint="b",status="picked"} 1',
            'pgqueuer_logs_count{aggregation="sum",entrypoint="b",status="queued"} 1',
            "",
        ]
    )
    assert re.findall(r"^(pgqueuer_\w+)(.*) [\d.e-]+$", ages, re.M) == [
        ("pgqueuer_queue_waiting_seconds", '{entrypoint="a"}'),
        ("pgqueuer_queue_waiting_seconds", '{entrypoint="b"}'),
        ("pgqueuer_queue_silent_seconds", '{entrypoint="a"}'),
        ("pgqueuer_queue_silent_seconds", '{entrypoint="b"}'),
        ("pgqueuer_oldest_transaction_seconds", ""),
    ]


async def test_a_repository_with_statistics_only_is_scraped_without_ages() -> None:
    class Statistics:
        async def queue_size(self) -> list[QueueStatistics]:
            return []

        async def log_statistics(
            self, limit: int | None, last: timedelta | None = None
        ) -> list[LogStatistics]:
            return []

    text = await collect_metrics(Statistics())

    assert re.findall("# TYPE (.*) gauge", text) == ["pgqueuer_queue_count", "pgqueuer_logs_count"]


async def test_names_and_window_can_be_chosen(repository: InMemoryQueries) -> None:
    text = await collect_metrics(
        repository,
        metric_names=MetricNames(queue_count="jobs", log_count="steps"),
        last=timedelta(hours=1),
    )

    assert text.startswith(
        "# HELP jobs Jobs in the queue now.\n"
        "# TYPE jobs gauge\n"
        "# HELP steps Jobs that entered a status in the last 3600 seconds.\n"
        "# TYPE steps gauge\n"
    )
