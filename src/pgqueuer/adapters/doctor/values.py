"""Values of rows as numbers, and numbers for people."""

from __future__ import annotations

from datetime import timedelta

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def number(value: object) -> int:
    """A whole number from a row; NULL and anything else counts as 0."""
    return int(value) if isinstance(value, int | float) else 0


def counted(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`, `10,000 jobs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def milliseconds(span: timedelta) -> str:
    """With one digit, so that a connection to the same machine is more than nothing."""
    return f"{span / timedelta(milliseconds=1):.1f} ms"


def duration(seconds: float) -> str:
    """The two largest units, such as `3 h 20 min`."""
    whole = int(seconds)
    for size, unit, smaller_size, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller_size} {smaller}"
    return f"{whole} s"


def size(count: int) -> str:
    """Bytes in the largest unit that leaves something before the point, as PostgreSQL counts."""
    amount = float(count)
    for unit in UNITS:
        if amount < 1024 or unit == UNITS[-1]:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    raise AssertionError("the last unit takes everything")
