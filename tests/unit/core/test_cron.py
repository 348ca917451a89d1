from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pgqueuer.core.cron import Cron, normalize

OSLO = ZoneInfo("Europe/Oslo")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(expression: str, start: str, count: int) -> list[str]:
    """The next due times on the wall clock of Oslo, with the offset."""
    cron, instant, found = Cron(expression), utc(start), []
    for _ in range(count):
        following = cron.next_after(instant)
        assert following > instant
        assert following.utcoffset() == timedelta(0)
        instant = following
        found.append(instant.astimezone(OSLO).strftime("%d %H:%M%z")[:-2])
    return found


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("*/5 * * * *", "*/5 * * * *"),
        ("  0   9 * * MON-FRI ", "0 9 * * mon-fri"),
        ("@daily", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("* * * * * */10", "* * * * * */10"),
        ("CRON_TZ=Europe/Oslo  @daily", "CRON_TZ=Europe/Oslo 0 0 * * *"),
    ],
)
def test_expressions_are_stored_in_one_form(given: str, stored: str) -> None:
    assert normalize(given) == stored
    assert normalize(stored) == stored


def test_a_time_zone_is_stored_in_front() -> None:
    stored = "CRON_TZ=Europe/Oslo 0 9 * * *"
    assert normalize("0 9 * * *", "Europe/Oslo") == stored
    assert normalize(stored, "Europe/Oslo") == stored


@pytest.mark.parametrize(
    "bad", ["", "nonsense", "* * * *", "61 * * * *", "0 0 30 2 *", "@reboot", "H H * * *", None, 5]
)
def test_what_is_no_expression_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        normalize(bad)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "Europe"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="not a known time zone"):
        normalize("0 9 * * *", zone)


def test_two_zones_are_refused() -> None:
    with pytest.raises(ValueError, match="another time zone"):
        normalize("CRON_TZ=Europe/Oslo 0 9 * * *", "Europe/London")


def test_without_a_zone_the_time_is_utc() -> None:
    assert Cron("0 9 * * *").next_after(utc("2024-07-01 08:59:59.9")) == utc("2024-07-01 09:00")
    assert Cron("0 9 * * *").next_after(utc("2024-07-01 09:00")) == utc("2024-07-02 09:00")
    in_oslo = datetime(2024, 7, 1, 10, 30, tzinfo=OSLO)
    assert Cron("0 9 * * *").next_after(in_oslo) == utc("2024-07-01 09:00")


def test_seconds_come_last() -> None:
    assert Cron("* * * * * */10").next_after(utc("2024-07-01 08:00:09.999")) == utc(
        "2024-07-01 08:00:10"
    )


def test_a_zone_follows_its_wall_clock_through_the_year() -> None:
    nine = Cron("CRON_TZ=Europe/Oslo 0 9 * * *")
    assert nine.next_after(utc("2024-01-10 12:00")) == utc("2024-01-11 08:00")
    assert nine.next_after(utc("2024-07-10 12:00")) == utc("2024-07-11 07:00")


def test_a_skipped_time_runs_as_much_later() -> None:
    assert runs("CRON_TZ=Europe/Oslo 30 2 * * *", "2024-03-29 12:00", 3) == [
        "30 02:30+01",
        "31 03:30+02",
        "01 02:30+02",
    ]


@pytest.mark.parametrize("start", ["2024-03-31 00:59", "2024-03-31 01:00", "2024-03-31 01:29"])
def test_a_skipped_time_is_found_from_both_sides_of_the_change(start: str) -> None:
    assert runs("CRON_TZ=Europe/Oslo 30 2 * * *", start, 1) == ["31 03:30+02"]


def test_a_skipped_time_that_meets_another_runs_once() -> None:
    assert runs("CRON_TZ=Europe/Oslo 30 2,3 * * *", "2024-03-31 00:00", 2) == [
        "31 03:30+02",
        "01 02:30+02",
    ]


def test_a_time_shown_right_after_the_change_is_not_lost_behind_a_skipped_one() -> None:
    cron, found = Cron("CRON_TZ=Australia/Lord_Howe 1,30 0,1,2 * * *"), []
    instant = utc("2023-09-30 14:45")
    for _ in range(4):
        instant = cron.next_after(instant)
        found.append(instant.strftime("%H:%M"))
    assert found == ["15:00", "15:30", "15:31", "13:01"]


def test_a_repeated_time_runs_once() -> None:
    assert runs("CRON_TZ=Europe/Oslo 30 2 * * *", "2024-10-26 12:00", 2) == [
        "27 02:30+02",
        "28 02:30+01",
    ]
    assert runs("CRON_TZ=Europe/Oslo 30 2 * * *", "2024-10-27 01:10", 1) == ["28 02:30+01"]


def test_an_expression_for_every_hour_keeps_its_pace_where_an_hour_comes_twice() -> None:
    assert runs("CRON_TZ=Europe/Oslo */30 * * * *", "2024-10-26 23:45", 6) == [
        "27 02:00+02",
        "27 02:30+02",
        "27 02:00+01",
        "27 02:30+01",
        "27 03:00+01",
        "27 03:30+01",
    ]


def test_an_expression_for_every_hour_keeps_its_pace_where_an_hour_is_skipped() -> None:
    assert runs("CRON_TZ=Europe/Oslo */30 * * * *", "2024-03-31 00:15", 3) == [
        "31 01:30+01",
        "31 03:00+02",
        "31 03:30+02",
    ]


def test_every_second_of_a_change_is_run_once() -> None:
    cron = Cron("CRON_TZ=Europe/Oslo * * * * * */10")
    for start in ("2024-10-27 00:59:45", "2024-03-31 00:59:45"):
        instant = utc(start)
        for _ in range(6):
            following = cron.next_after(instant)
            assert following - instant in (timedelta(seconds=5), timedelta(seconds=10))
            instant = following


@pytest.mark.parametrize("expression", ["0 0 1 1 *", "0 * 1 1 *", "0 12 * 7 *", "15 * * * sun"])
@pytest.mark.parametrize("month", range(1, 13))
def test_due_times_match_the_wall_clock_far_from_any_change(expression: str, month: int) -> None:
    start = datetime(2023, month, 15, 12, 34, tzinfo=UTC)
    due = Cron(f"CRON_TZ=Europe/Oslo {expression}").next_after(start)
    wall_start = start.astimezone(OSLO).replace(tzinfo=UTC)
    assert due.astimezone(OSLO).replace(tzinfo=UTC) == Cron(expression).next_after(wall_start)


def test_croniter_is_imported_by_schedules_only() -> None:
    code = (
        "import sys, pgqueuer.core.sm, pgqueuer.core.executors, pgqueuer.core.cron\n"
        "assert 'croniter' not in sys.modules\n"
        "from pgqueuer.core.cron import normalize\n"
        "normalize('* * * * *')\n"
        "assert 'croniter' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
