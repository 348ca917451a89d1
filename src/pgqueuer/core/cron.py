"""When a cron expression is due, in UTC or in a named time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pgqueuer.domain.types import CronExpression

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

ZONE_PREFIX: Final = "CRON_TZ="

_HOUR_FIELD: Final = 1
_NO_TIME: Final = timedelta(0)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


def normalize(expression: str, timezone: str | None = None) -> CronExpression:
    """`expression` as it is stored: aliases expanded, single spaces, the zone in front.

    Raises ValueError when the expression or the zone is not known, when the expression never
    matches, or when it names another zone than `timezone`.
    """
    if not isinstance(expression, str):
        raise ValueError(f"{expression!r} is not a cron expression: it must be a string")
    zone, fields = _split(expression)
    if timezone and zone and timezone != zone:
        raise ValueError(f"{expression!r} names another time zone than timezone={timezone!r}")
    if timezone or zone:
        expression = f"{ZONE_PREFIX}{timezone or zone} {fields}"
    cron = Cron(expression)
    cron.next_after(datetime.now(UTC))
    return cron.expression


class Cron:
    """An expression of five fields, or six with the seconds last.

    One that begins with `CRON_TZ=Europe/Oslo` follows the wall clock there. Where the clocks
    change, a time that is skipped runs as much later as the clocks were moved (02:30 runs at
    03:30), and a time that comes twice runs the first time only. An expression whose hour field
    is `*` keeps its pace instead: it runs whenever the wall clock matches.
    """

    def __init__(self, expression: str) -> None:
        # Here, because it takes 30 ms and most programs have no schedule.
        from croniter import croniter  # noqa: PLC0415

        zone, fields = _split(expression)
        try:
            self._croniter = croniter(fields)
        except ValueError as error:
            raise ValueError(f"{expression!r} is not a cron expression: {error}") from error
        normal = self._croniter.expressions
        self._zone = _zone(zone) if zone else None
        self._keeps_pace = normal[_HOUR_FIELD] == "*"
        prefix = [ZONE_PREFIX + zone] if zone else []
        self.expression = CronExpression(" ".join([*prefix, *normal]))

    def next_after(self, instant: datetime) -> datetime:
        """The first due time after `instant`, which has to be aware; in UTC."""
        instant = instant.astimezone(UTC)
        if self._zone is None:
            return self._next_match(instant)
        if self._keeps_pace:
            return self._next_at_pace(instant, self._zone)
        return self._next_once(instant, self._zone)

    def _next_match(self, wall: datetime) -> datetime:
        """The next matching wall-clock time; wall clocks are written as if they were UTC."""
        found: datetime = self._croniter.get_next(datetime, start_time=wall, update_current=False)
        return found

    def _next_at_pace(self, instant: datetime, zone: ZoneInfo) -> datetime:
        before = _offset(instant, zone)
        due = self._next_match(instant + before) - before
        after = _offset(due, zone)
        if after == before:
            return due
        # The clocks change before `due`, so it was read from a clock that is no longer right.
        due = self._next_match(instant + after) - after
        while _offset(due, zone) != after:
            due = self._next_match(due + after) - after
        return due

    def _next_once(self, instant: datetime, zone: ZoneInfo) -> datetime:
        wall = now = instant + _offset(instant, zone)
        skipped = _offset(instant, zone) - _offset(instant - _DAY, zone)
        if skipped > _NO_TIME and _offset(instant - skipped, zone) < _offset(instant, zone):
            # Skipped times are still due, that long after the change.
            wall -= skipped
        while True:
            wall = self._next_match(wall)
            due = _instant(wall, zone)
            if due > instant:
                break
        skipped = due + _offset(due, zone) - wall
        if not skipped:
            return due
        # What the clock shows right after the change may be due before what it skipped.
        shown = _change(due - skipped, due, zone) + _offset(due, zone)
        return min(due, _instant(self._next_match(max(now, shown - _SECOND)), zone))


def _split(expression: str) -> tuple[str | None, str]:
    text = expression.strip()
    if not text.startswith(ZONE_PREFIX):
        return None, text
    zone, _, fields = text.removeprefix(ZONE_PREFIX).partition(" ")
    return zone, fields.strip()


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is not a known time zone: use a name such as 'Europe/Oslo', "
            "and install 'tzdata' where the system has no time zone data"
        ) from error


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks change between two instants, to the second."""
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _offset(middle, zone) == _offset(after, zone):
            after = middle
        else:
            before = middle
    return after


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or _NO_TIME
