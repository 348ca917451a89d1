"""What a view is: columns, and the rows that it gathers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.models import utc_now
from pgqueuer.domain.types import JobId

NOTHING: Final = "\N{EN DASH}"
BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line; `key` tells it from the others of its view, `job_id` is what Enter opens."""

    key: str
    cells: tuple[object, ...]
    job_id: JobId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A tab; `gather` gets the entrypoint to show, None for all."""

    name: str
    title: str
    columns: tuple[str, ...]
    gather: Callable[[InsightsService, str | None], Awaitable[list[Row]]]


def fits(entrypoint: str, wanted: str | None) -> bool:
    """Whether a line of this entrypoint is to be shown."""
    return wanted is None or entrypoint == wanted


def printable(value: object, *, lines: bool = False) -> str:
    """The text without what would steer the terminal; `lines` keeps breaks and tabs."""
    text = NOTHING if value is None else str(value)
    kept = "\n\t" if lines else ""
    return "".join(char if char.isprintable() or char in kept else "\ufffd" for char in text)


def seconds(value: float | None) -> str:
    """A duration, with three digits below a minute."""
    if value is None:
        return NOTHING
    if value < 1:
        return f"{value * 1000:.3g} ms"
    if value < 60:
        return f"{value:.3g} s"
    hours, minutes = divmod(int(value) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {int(value) % 60} s"


def when(time: datetime | None) -> str:
    """How long ago, or in how much time."""
    if time is None:
        return NOTHING
    age = int((utc_now() - time).total_seconds())
    if age == 0:
        return "now"
    return f"{seconds(age)} ago" if age > 0 else f"in {seconds(-age)}"


def sparkline(counts: Sequence[int]) -> str:
    """One bar for each count, the highest one full."""
    highest = max(counts, default=0)
    if highest == 0:
        return BARS[0] * len(counts)
    return "".join(BARS[count * (len(BARS) - 1) // highest] for count in counts)
