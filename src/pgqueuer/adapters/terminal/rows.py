"""What a view is: columns, and the rows that it gathers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pgqueuer.adapters.wording import NOTHING
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.types import JobId

BAD: Final = "#ff8f85"
CAUTION: Final = "#e3b341"
BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line; `key` tells it from the others of its view, `job_id` is what Enter opens.

    `style` is one of Rich, such as `BAD`. `paused` is None where the line is not that of an
    entrypoint.
    """

    key: str
    cells: tuple[object, ...]
    job_id: JobId | None = None
    style: str = ""
    paused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A tab; `gather` gets the entrypoint to show, None for all.

    The columns whose titles are in `numbers` are aligned to the right; `empty` is what to say
    where there is no row.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    numbers: frozenset[str]
    empty: str
    gather: Callable[[InsightsService, str | None], Awaitable[list[Row]]]


def fits(entrypoint: str, wanted: str | None) -> bool:
    """Whether a line of this entrypoint is to be shown."""
    return wanted is None or entrypoint == wanted


def printable(value: object, *, lines: bool = False) -> str:
    """The text without what would steer the terminal; `lines` keeps breaks and tabs."""
    text = NOTHING if value is None else str(value)
    kept = "\n\t" if lines else ""
    return "".join(char if char.isprintable() or char in kept else "\ufffd" for char in text)


def sparkline(counts: Sequence[int]) -> str:
    """One bar for each count: full for the highest, the lowest one for zero only."""
    highest = max(counts, default=0)
    if highest == 0:
        return BARS[0] * len(counts)
    return "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in counts)
