"""Numbers and durations are checked where they enter, with the allowed range in the error."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

MAX_DURATION: Final = timedelta(days=7)
MIN_HEARTBEAT_TIMEOUT: Final = timedelta(milliseconds=100)


def check_duration(
    name: str, value: object, low: timedelta = timedelta(0), high: timedelta = MAX_DURATION
) -> None:
    """Raise TypeError unless `value` is a timedelta, ValueError unless it is within the bounds."""
    if not isinstance(value, timedelta):
        raise TypeError(f"{name} must be a timedelta, such as timedelta(seconds=30); got {value!r}")
    if not low <= value <= high:
        raise ValueError(
            f"{name} must be from {low.total_seconds():g} to {high.total_seconds():g} seconds; "
            f"got {value.total_seconds():g}"
        )


def check_heartbeat_timeout(value: object) -> None:
    """Raise unless leases can be renewed in time."""
    check_duration("heartbeat_timeout", value, MIN_HEARTBEAT_TIMEOUT)


def check_count(name: str, value: object, low: int, high: int | None, also: str = "") -> None:
    """Raise TypeError unless `value` is an int, ValueError unless it is within the bounds.

    `also` tells what else is allowed.
    """
    allowed = f"at least {low}" if high is None else f"from {low} to {high:,}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, {allowed}{also}; got {value!r}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {allowed}{also}; got {value}")
