"""Workers keep history within its retention; whoever prunes takes small steps."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries, QueueManager
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.core import retention
from pgqueuer.domain.retention import PruneRequest, PruneStep, shown
from pgqueuer.domain.settings import DBSettings
from tests.support.kernel import until, working

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Recorded(InMemoryQueries):
    """Remembers each step; the first of them fail if asked to."""

    steps: list[tuple[str, PruneRequest]]
    failures = 0

    async def prune_log_step(self, request: PruneRequest) -> PruneStep:
        self.steps.append(("log", request))
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("the database is away")
        return await super().prune_log_step(request)

    async def prune_statistics_step(self, request: PruneRequest) -> PruneStep:
        self.steps.append(("statistics", request))
        return await super().prune_statistics_step(request)


def recorded(**settings: object) -> Recorded:
    environment = QueryBuilderEnvironment(DBSettings.model_validate(settings))
    store = Recorded(InMemoryDriver(), qbe=environment)
    store.steps = []
    return store


@pytest.fixture(autouse=True)
def _no_wait_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST_LOOK", (0.0, 0.0))
    monkeypatch.setattr(retention, "PAUSE_BETWEEN_TABLES", 0.0)


async def test_a_worker_prunes_what_the_settings_say_soon_after_its_start() -> None:
    store = recorded(log_retention=7 * DAY, statistics_retention=90 * DAY)

    async with working(QueueManager(store)):
        await until(lambda: len(store.steps) == 2)

    assert store.steps == [
        ("log", PruneRequest(older_than=7 * DAY, alone=True)),
        ("statistics", PruneRequest(older_than=90 * DAY, alone=True)),
    ]


async def test_what_is_kept_for_ever_is_not_looked_at() -> None:
    store = recorded(log_retention=None)

    async with working(QueueManager(store)):
        await until(lambda: bool(store.steps))

    assert [what for what, _ in store.steps] == ["statistics"]


async def test_nothing_runs_where_all_is_kept() -> None:
    settings = DBSettings(log_retention=None, statistics_retention=None)

    await asyncio.wait_for(retention.prune_regularly(recorded(), settings), 20)


async def test_a_store_that_can_not_prune_is_left_alone() -> None:
    await asyncio.wait_for(retention.prune_regularly(object(), DBSettings()), 20)


async def test_a_failure_is_logged_and_the_next_look_tries_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "PAUSE_BETWEEN_LOOKS", 0.0)
    store = recorded()
    store.failures = 2

    with caplog.at_level(logging.WARNING, "pgqueuer"):
        async with working(QueueManager(store)):
            await until(lambda: [what for what, _ in store.steps].count("log") >= 3)

    failures = [record for record in caplog.records if "could not be pruned" in record.message]
    assert len(failures) == 2
    assert failures[0].exc_info is not None


async def test_a_stop_does_not_wait_for_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SHORTEST_PAUSE", 3600.0)
    store = recorded()

    async def endless(request: PruneRequest) -> PruneStep:
        store.steps.append(("log", request))
        return PruneStep(deleted=1, resume=request.after + 1)

    monkeypatch.setattr(store, "prune_log_step", endless)
    async with working(QueueManager(store)):
        await until(lambda: bool(store.steps))

    assert len(store.steps) == 1


async def test_steps_go_on_where_the_last_one_ended() -> None:
    seen: list[int] = []
    totals: list[int] = []

    async def step(request: PruneRequest) -> PruneStep:
        seen.append(request.after)
        return PruneStep(deleted=2, resume=request.after + 5 if request.after < 10 else None)

    request = PruneRequest(older_than=DAY)
    assert await retention.prune(step, request, on_progress=totals.append) == 6

    assert (seen, totals) == ([0, 5, 10], [2, 4, 6])


@pytest.mark.parametrize("age", [-MINUTE, 36_501 * DAY])
def test_an_age_out_of_range_is_refused(age: timedelta) -> None:
    with pytest.raises(ValueError, match="from 0 to 36500 days"):
        PruneRequest(older_than=age)


def test_lengths_of_time_are_shown_in_days_where_they_are_days() -> None:
    assert [shown(30 * DAY), shown(90 * MINUTE), shown(0 * DAY)] == [
        "30 day(s)",
        "1:30:00",
        "0:00:00",
    ]
