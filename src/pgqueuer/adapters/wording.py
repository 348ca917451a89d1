"""How the web page and the terminal write times, numbers and statuses."""

from __future__ import annotations

import itertools
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pgqueuer.domain.models import utc_now

NOTHING: Final = "\N{EN DASH}"
WORDS: Final = MappingProxyType({"picked": "running", "failed": "held"})
UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def word(name: str) -> str:
    """What people call a status; other names as they are."""
    return WORDS.get(name, name)


def span(seconds: float | None) -> str:
    """A duration with the digits that matter: 4.25 ms, 3.5 s, 2 h 5 min."""
    if seconds is None:
        return NOTHING
    if seconds == 0:
        return "0 s"
    if seconds < 0.9995:  # more is rounded to a second
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    for (unit, name), (smaller, smaller_name) in itertools.pairwise(UNITS):
        if seconds >= unit:
            whole, rest = divmod(int(seconds), unit)
            part = rest // smaller
            return f"{count(whole)} {name}" + (f" {part} {smaller_name}" if part else "")
    raise AssertionError(seconds)


def ago(time: datetime | None) -> str:
    """How long ago, or in how much time."""
    if time is None:
        return NOTHING
    seconds = int((utc_now() - time).total_seconds())
    if seconds == 0:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share of one as percent."""
    if share is None:
        return NOTHING
    return "< 0.01 %" if 0 < share < 0.0001 else f"{share * 100:.3g} %"
