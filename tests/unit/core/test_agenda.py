from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from pgqueuer.core.agenda import LONGEST_PAUSE, Agenda
from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule
from pgqueuer.domain.types import JOB_STATUS, CronEntrypoint, CronExpression, ScheduleId

START = datetime(2024, 1, 1, tzinfo=UTC)
KEY = CronExpressionEntrypoint(CronEntrypoint("tick"), CronExpression("* * * * * *"))
OTHER = CronExpressionEntrypoint(CronEntrypoint("tock"), CronExpression("* * * * * *"))
STALE_AFTER = timedelta(seconds=30)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


class Clock:
    """Our own clock, both as the time of day and as a stopwatch."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> datetime:
        return START + seconds(self.time)

    def monotonic(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pgqueuer.core.agenda.utc_now", clock.now)
    monkeypatch.setattr("pgqueuer.core.agenda.time.monotonic", clock.monotonic)
    return clock


@pytest.fixture
def agenda(clock: Clock) -> Agenda:
    return Agenda(STALE_AFTER)


def row(
    due: float,
    *,
    status: JOB_STATUS = "queued",
    heartbeat: float = -3600,
    key: CronExpressionEntrypoint = KEY,
    number: int = 1,
    paused: bool = False,
) -> Schedule:
    """Times are seconds of the database's clock."""
    return Schedule(
        id=ScheduleId(number),
        expression=key.expression,
        entrypoint=key.entrypoint,
        heartbeat=START + seconds(heartbeat),
        created=START - seconds(7200),
        updated=START + seconds(heartbeat),
        next_run=START + seconds(due),
        status=status,
        paused=paused,
    )


def see(agenda: Agenda, *rows: Schedule, own: Collection[ScheduleId] = ()) -> None:
    """As if each row could start when it is due, and the tick without a row in nine seconds."""
    starts = {KEY: START + seconds(9)}
    for each in rows:
        starts[CronExpressionEntrypoint(each.entrypoint, each.expression)] = each.next_run
    agenda.seen(rows, starts, own)


def left(agenda: Agenda, *running: int) -> float:
    found = agenda.seconds_left([KEY], {ScheduleId(number) for number in running})
    assert found is not None
    return found


def test_without_schedules_there_is_nothing_to_wait_for(agenda: Agenda) -> None:
    assert agenda.seconds_left([], ()) is None


def test_a_schedule_that_was_never_seen_is_looked_at_at_once(agenda: Agenda) -> None:
    assert left(agenda) <= 0


def test_it_waits_exactly_until_the_next_schedule_is_due(agenda: Agenda, clock: Clock) -> None:
    see(agenda, row(0.75), row(0.5, key=OTHER, number=2))
    assert agenda.seconds_left([KEY, OTHER], ()) == 0.5
    clock.time = 0.25
    assert agenda.seconds_left([KEY, OTHER], ()) == 0.25


def test_rows_of_others_do_not_matter(agenda: Agenda) -> None:
    agenda.seen([row(5), row(1, key=OTHER)], {KEY: START + seconds(5)}, ())
    assert left(agenda) == 5


def test_a_row_that_is_gone_is_looked_for_at_its_cron_time(agenda: Agenda) -> None:
    see(agenda)
    assert left(agenda) == 9


def test_it_looks_again_after_a_while_whatever_is_due(agenda: Agenda) -> None:
    see(agenda, row(86_400))
    assert left(agenda) == LONGEST_PAUSE


def test_a_start_may_be_later_than_the_due_time(agenda: Agenda) -> None:
    agenda.seen([row(5)], {KEY: START + seconds(7)}, ())
    assert left(agenda) == 7


def test_what_is_paused_is_looked_at_again_after_a_while(agenda: Agenda) -> None:
    see(agenda, row(-5, paused=True))
    assert left(agenda) == LONGEST_PAUSE


def test_the_time_of_the_database_can_be_told(agenda: Agenda, clock: Clock) -> None:
    clock.time = 10
    agenda.told(START + seconds(100), sent_at=START + seconds(9.8))
    assert agenda.now() == START + seconds(100)


def test_what_another_worker_runs_is_due_when_that_worker_would_be_stale(agenda: Agenda) -> None:
    see(agenda, row(5, status="picked", heartbeat=-10))
    assert left(agenda) == 20
    see(agenda, row(25, status="picked", heartbeat=-10))
    assert left(agenda) == 25


def test_what_runs_here_is_due_as_soon_as_it_has_ended(agenda: Agenda) -> None:
    see(agenda, row(5, status="picked", heartbeat=0), own={ScheduleId(1)})
    assert left(agenda, 1) == LONGEST_PAUSE
    assert left(agenda) == 5


def test_due_but_not_picked_is_asked_for_less_and_less_often(agenda: Agenda, clock: Clock) -> None:
    pauses = []
    for _ in range(4):
        see(agenda, row(-1))
        pauses.append(left(agenda))
    assert pauses[0] > 0
    assert pauses[3] > 2 * pauses[0]
    clock.time += pauses[3]
    assert left(agenda) <= 0


def test_what_runs_here_and_is_overdue_delays_nobody(agenda: Agenda) -> None:
    for _ in range(10):
        see(agenda, row(-1, status="picked"), own={ScheduleId(1)})
    assert left(agenda) <= 0


def test_failures_make_it_wait(agenda: Agenda) -> None:
    agenda.failed()
    first = left(agenda)
    for _ in range(5):
        agenda.failed()
    assert 0 < first < left(agenda)


def test_answers_teach_the_time_of_the_database(agenda: Agenda, clock: Clock) -> None:
    clock.time = 10
    agenda.picked([row(0, heartbeat=100)], sent_at=START + seconds(9.8))
    assert agenda.now() == START + seconds(100)
    see(agenda, row(101))
    assert left(agenda) == 1


def test_a_clock_that_fits_the_round_trip_is_kept(agenda: Agenda, clock: Clock) -> None:
    clock.time = 10
    agenda.picked([row(0, heartbeat=9.9)], sent_at=START + seconds(8))
    assert agenda.now() == clock.now()


def test_a_clock_that_is_ahead_is_put_back_by_the_least(agenda: Agenda, clock: Clock) -> None:
    clock.time = 10
    agenda.picked([row(0, heartbeat=5)], sent_at=START + seconds(9))
    assert agenda.now() == START + seconds(6)


def test_rows_from_our_future_tell_that_our_clock_is_behind(agenda: Agenda) -> None:
    see(agenda, row(50, heartbeat=40))
    assert agenda.now() == START + seconds(40)
