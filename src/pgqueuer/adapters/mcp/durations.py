"""Durations as agents write them: ISO 8601, days to seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

# The part of ISO 8601 (4.4.1.1, durations by their parts) whose units have a fixed length.
_DURATION: Final = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """Read "PT5M", "P1DT12H" or "PT0.5S"; raises ValueError for others, and for no time at all."""
    found = _DURATION.fullmatch(text)
    parts = {unit: float(number) for unit, number in found.groupdict("0").items()} if found else {}
    try:
        duration = timedelta(**parts)
    except OverflowError:
        duration = timedelta(0)
    if duration <= timedelta(0):
        raise ValueError(
            f"{text!r} is no positive ISO 8601 duration of days, hours, minutes and seconds, "
            "such as 'PT5M' or 'P1DT12H'"
        )
    return duration
