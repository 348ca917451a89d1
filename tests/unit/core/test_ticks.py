"""Which tick runs, after ticks were missed and where times are a little off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgqueuer.core.executors import (
    AbstractScheduleExecutor,
    ScheduleExecutor,
    ScheduleExecutorFactoryParameters,
)
from pgqueuer.core.ticks import MOST_MISSED, ON_TIME, next_tick, start_of
from pgqueuer.domain.models import Schedule, ScheduleContext
from pgqueuer.domain.types import CronEntrypoint, CronExpression, MissedTicks, ScheduleId

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURLY = "0 * * * *"
EVERY_SECOND = "* * * * * *"
IN_ONE_HOUR = "* 3 * * * *"
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
POLICIES: list[MissedTicks] = ["skip", "once", "all"]


async def noop(schedule: Schedule) -> None: ...


def parameters(
    expression: str, missed: MissedTicks = "once", jitter: timedelta = timedelta(0)
) -> ScheduleExecutorFactoryParameters:
    return ScheduleExecutorFactoryParameters(
        CronEntrypoint("tick"),
        CronExpression(expression),
        noop,
        clean_old=False,
        missed=missed,
        jitter=jitter,
    )


def executor(
    expression: str, missed: MissedTicks = "once", jitter: timedelta = timedelta(0)
) -> ScheduleExecutor:
    return ScheduleExecutor(parameters(expression, missed, jitter))


def row(next_run: datetime, *, number: int = 1, created: datetime = START) -> Schedule:
    return Schedule(
        id=ScheduleId(number),
        expression=CronExpression("unused"),
        heartbeat=START,
        created=created,
        updated=START,
        next_run=next_run,
        status="queued",
        entrypoint=CronEntrypoint("tick"),
    )


def run_until(each: AbstractScheduleExecutor, next_run: datetime, now: datetime) -> list[datetime]:
    """The ticks that are run at `now`, one after another, until none is due."""
    ran = []
    while start_of(each, row(next_run)) <= now:
        tick = next_tick(each, row(next_run), now)
        assert tick.next_run == next_run < tick.following
        if tick.due is not None:
            ran.append(tick.due)
        next_run = tick.following
    return ran


@pytest.mark.parametrize("missed", POLICIES)
@pytest.mark.parametrize("late", [timedelta(0), timedelta(milliseconds=20), ON_TIME])
def test_a_tick_in_time_runs_and_the_next_follows(missed: MissedTicks, late: timedelta) -> None:
    tick = next_tick(executor(HOURLY, missed), row(START), START + late)
    assert (tick.due, tick.following) == (START, START + HOUR)


@pytest.mark.parametrize(
    ("missed", "hours"), [("skip", []), ("once", [5]), ("all", [0, 1, 2, 3, 4, 5])]
)
def test_ticks_that_were_missed_follow_the_policy(missed: MissedTicks, hours: list[int]) -> None:
    ran = run_until(executor(HOURLY, missed), START, START + 5 * HOUR + 600 * SECOND)
    assert ran == [START + hour * HOUR for hour in hours]


def test_skip_still_runs_the_newest_tick_while_it_is_in_time() -> None:
    ran = run_until(executor(HOURLY, "skip"), START, START + 5 * HOUR + SECOND)
    assert ran == [START + 5 * HOUR]


@pytest.mark.parametrize("expression", [EVERY_SECOND, IN_ONE_HOUR])
def test_all_runs_the_newest_of_very_many(
    expression: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = START + timedelta(days=7, hours=5, microseconds=5)
    ran = run_until(executor(expression, "all"), START + 3 * HOUR, now)
    last = ran[-1]
    assert ran == [last - n * SECOND for n in reversed(range(MOST_MISSED))]
    assert now - last < timedelta(hours=1, seconds=2)
    assert "missed more than 100 ticks" in caplog.text


@pytest.mark.parametrize("off", [-0.4, -0.001, 0.001, 0.4])
@pytest.mark.parametrize("missed", POLICIES)
def test_a_due_time_that_is_a_moment_off_makes_no_second_tick(
    off: float, missed: MissedTicks
) -> None:
    written = START + HOUR + off * SECOND
    assert start_of(executor(HOURLY, missed), row(written)) == max(written, START + HOUR)
    ran = run_until(executor(HOURLY, missed), written, START + 2 * HOUR - SECOND)
    assert ran == ([] if missed == "skip" else [START + HOUR])


def test_a_due_time_that_was_set_by_hand_runs_as_it_is() -> None:
    by_hand = START + timedelta(minutes=20)
    tick = next_tick(executor(HOURLY), row(by_hand), by_hand + SECOND)
    assert (tick.due, tick.following) == (by_hand, START + HOUR)


def test_jitter_delays_a_tick_and_shifts_no_due_time() -> None:
    jittered, due = executor(HOURLY, jitter=HOUR), START
    starts = []
    for _ in range(20):
        start = start_of(jittered, row(due))
        tick = next_tick(jittered, row(due), start)
        assert (tick.due, tick.following) == (due, due + HOUR)
        starts.append(start - due)
        due = tick.following
    assert all(timedelta(0) <= start < HOUR for start in starts)
    assert len(set(starts)) == len(starts)


def test_workers_agree_on_the_jitter_and_installations_do_not() -> None:
    ours, theirs = executor(HOURLY, jitter=HOUR), executor(HOURLY, jitter=HOUR)
    assert start_of(ours, row(START)) == start_of(theirs, row(START))
    assert start_of(ours, row(START)) != start_of(theirs, row(START, created=START - SECOND))


class EveryNinety(AbstractScheduleExecutor):
    async def execute(self, schedule: Schedule, context: ScheduleContext) -> None: ...

    def next_in(self) -> timedelta:
        return timedelta(seconds=90)


@pytest.mark.parametrize("missed", POLICIES)
def test_due_times_of_an_executors_own_count_from_the_start(missed: MissedTicks) -> None:
    own, now = EveryNinety(parameters(HOURLY, missed)), START + HOUR
    tick = next_tick(own, row(START), now)
    assert tick.due == (None if missed == "skip" else START)
    assert tick.following == now + timedelta(seconds=90)


@settings(max_examples=60, deadline=None)
@given(
    missed=st.sampled_from(POLICIES),
    expression=st.sampled_from(
        [HOURLY, EVERY_SECOND, IN_ONE_HOUR, "*/7 * * * *", "CRON_TZ=Europe/Oslo 30 2 * * *"]
    ),
    down=st.lists(st.floats(0.001, 40_000), min_size=1, max_size=8),
    jitter=st.sampled_from([timedelta(0), timedelta(seconds=20)]),
)
def test_no_tick_runs_twice_and_each_is_a_due_time(
    missed: MissedTicks, expression: str, down: list[float], jitter: timedelta
) -> None:
    each = executor(expression, missed, jitter)
    next_run, now = each.next_after(START), START
    ran = []
    for seconds in down:
        now = max(now + seconds * SECOND, start_of(each, row(next_run)))
        tick = next_tick(each, row(next_run), now)
        ran += [tick.due] if tick.due else []
        assert next_run < tick.following == each.next_after(tick.following - SECOND / 2)
        assert tick.due is None or next_run <= tick.due <= now
        next_run = tick.following
    assert all(before < after for before, after in pairwise(ran))
