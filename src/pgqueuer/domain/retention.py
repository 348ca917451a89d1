"""How long history is kept, and what one step of pruning it is told and tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter, ValidationError

DAY = timedelta(days=1)
SHORTEST = timedelta(minutes=1)
"""Whoever waits for the end of a job reads it from the log, and needs time to do so."""

LONGEST = 36_500 * DAY
LARGEST_BATCH = 5_000
"""The literal LIMIT of `prune_log.sql` and `prune_statistics.sql`."""

_FOREVER = frozenset({"", "0", "none", "never"})
_DURATION: TypeAdapter[timedelta] = TypeAdapter(timedelta)


def retention_period(value: object) -> timedelta | None:
    """How long to keep, from a timedelta, seconds, `30d`, `12:00:00` or ISO 8601; None: for ever.

    `0`, `none`, `never` and the empty string are None too. Raises ValueError with the range.
    """
    if value is None or value == timedelta(0):
        return None
    text = str(value).strip().lower()
    if text in _FOREVER:
        return None
    period = _duration(value)
    if not SHORTEST <= period <= LONGEST:
        raise ValueError(
            f"a retention must be from 1 minute to {LONGEST.days} days, or 0 to keep everything; "
            f"got {value!r}"
        )
    return period


def _duration(value: object) -> timedelta:
    try:
        seconds = float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        seconds = None
    try:
        return _DURATION.validate_python(value if seconds is None else seconds)
    except ValidationError:
        raise ValueError(
            f"{value!r} is not a length of time; write days (30d), hours (12:00:00), "
            "seconds (3600) or ISO 8601 (P30D)"
        ) from None


def shown(period: timedelta) -> str:
    """A length of time for people."""
    return f"{period.days} day(s)" if period and not period % DAY else str(period)


RetentionPeriod = Annotated[timedelta | None, BeforeValidator(retention_period)]
"""A field that takes what `retention_period` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """One step: delete what is older than `older_than` among the next `batch_size` rows.

    `after` is where the last step of this pass ended. With `alone` nothing is done while another
    such step is at it; with `dry_run` rows are counted but stay. Raises ValueError for values out
    of range.
    """

    older_than: timedelta
    batch_size: int = LARGEST_BATCH
    after: int = 0
    alone: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.older_than <= LONGEST:
            raise ValueError(
                f"older_than must be from 0 to {LONGEST.days} days; got {self.older_than!r}"
            )
        if not 1 <= self.batch_size <= LARGEST_BATCH:
            raise ValueError(f"batch_size must be from 1 to {LARGEST_BATCH}; got {self.batch_size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneStep:
    """What one step did: the rows it deleted, and where the next one starts (None: all done)."""

    deleted: int
    resume: int | None
