"""Cron on the wall clocks of real zones, against a model that walks through every instant."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgqueuer.core.cron import Cron

STEP = timedelta(minutes=1)
"""Every offset and every expression of these tests is a multiple of it."""

DAY = timedelta(days=1)
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and "right/" not in zone)
NOTABLE = [
    ("Europe/Oslo", "2024-03-31"),
    ("Europe/Oslo", "2024-10-27"),
    ("America/New_York", "2007-03-11"),
    ("Australia/Lord_Howe", "2023-10-01"),
    ("Australia/Lord_Howe", "2024-04-06"),
    ("Antarctica/Troll", "2024-03-31"),
    ("Africa/Casablanca", "2024-03-10"),
    ("Asia/Kathmandu", "1985-12-31"),
    ("America/Sao_Paulo", "2017-10-15"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Pyongyang", "2018-05-04"),
]


@dataclass(frozen=True)
class Fields:
    """A cron expression as sets; None stands for `*`, and Sunday is weekday 0."""

    minutes: frozenset[int]
    hours: frozenset[int] | None
    weekdays: frozenset[int] | None

    def text(self) -> str:
        parts = [self.minutes, self.hours, None, None, self.weekdays]
        return " ".join(
            "*" if part is None else ",".join(str(number) for number in sorted(part))
            for part in parts
        )

    def matches(self, wall: datetime) -> bool:
        return (
            wall.minute in self.minutes
            and (self.hours is None or wall.hour in self.hours)
            and (self.weekdays is None or wall.isoweekday() % 7 in self.weekdays)
        )


def due_times(fields: Fields, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The due times in the window, by the rule as the guide states it."""
    walls: dict[datetime, list[datetime]] = {}
    instant = start - 2 * DAY
    while instant <= end:
        walls.setdefault(instant.astimezone(zone).replace(tzinfo=None), []).append(instant)
        instant += STEP
    if fields.hours is None:
        found = {due for wall, at in walls.items() if fields.matches(wall) for due in at}
    else:
        found = set(_once(fields, walls))
    return sorted(due for due in found if start < due <= end)


def _once(fields: Fields, walls: dict[datetime, list[datetime]]) -> list[datetime]:
    found, wall, shown = [], min(walls), min(walls)
    while wall <= max(walls):
        shown = wall if wall in walls else shown
        if fields.matches(wall):
            # A skipped time comes as long after the last that the clock showed as it reads.
            last = walls[shown][-1] if shown != wall else walls[wall][0]
            found.append(last + (wall - shown))
        wall += STEP
    return found


@cache
def changes(zone: str) -> list[datetime]:
    """When the clocks of the zone change, from 1975 on; to the second."""
    found, info = [], ZoneInfo(zone)
    month = datetime(1975, 1, 1, tzinfo=UTC)
    while month.year < 2037:
        low, high = month, month + timedelta(days=20)
        if _offset(low, info) != _offset(high, info):
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                if _offset(middle, info) == _offset(low, info):
                    low = middle
                else:
                    high = middle
            found.append(high.replace(microsecond=0))
        month += timedelta(days=20)
    return found


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def assert_as_modeled(fields: Fields, name: str, around: datetime) -> None:
    """Every due time in the days around, from one to the next and from every instant between."""
    zone = ZoneInfo(name)
    start = around.replace(second=0, microsecond=0) - DAY
    end = start + 2 * DAY
    expected = due_times(fields, zone, start, end)
    cron = Cron(f"CRON_TZ={name} {fields.text()}")

    walked, due = [], start
    while (due := cron.next_after(due)) <= end:
        walked.append(due)
    assert walked == expected

    instant = around.replace(second=0, microsecond=0) - timedelta(hours=3)
    for _ in range(15):
        place = bisect_right(expected, instant)
        following = cron.next_after(instant)
        assert following == expected[place] if place < len(expected) else following > end
        instant += timedelta(minutes=23)


def numbers(highest: int, size: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(0, highest), min_size=1, max_size=size)


FIELDS = st.builds(
    Fields,
    minutes=numbers(59, 3),
    hours=st.one_of(st.none(), numbers(4, 4), numbers(23, 6)),
    weekdays=st.one_of(st.none(), numbers(6, 4)),
)


@pytest.mark.parametrize(("zone", "day"), NOTABLE)
@settings(max_examples=3, deadline=None)
@given(fields=FIELDS)
def test_notable_changes_follow_the_rule(zone: str, day: str, fields: Fields) -> None:
    assert_as_modeled(fields, zone, datetime.fromisoformat(day).replace(tzinfo=UTC))


@settings(max_examples=15, deadline=None)
@given(data=st.data(), zone=st.sampled_from(ZONES), fields=FIELDS)
def test_every_change_of_every_zone_follows_the_rule(
    data: st.DataObject, zone: str, fields: Fields
) -> None:
    quiet = datetime(2024, 6, 15, tzinfo=UTC)
    around = data.draw(st.sampled_from(changes(zone) or [quiet]), label="around")
    assert_as_modeled(fields, zone, around)
