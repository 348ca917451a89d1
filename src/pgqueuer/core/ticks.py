"""Which tick of a schedule runs next, and which of those that were missed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pgqueuer.core.executors import AbstractScheduleExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import Schedule, ScheduleTick

ON_TIME: Final = timedelta(seconds=60)
"""A tick that can not start within this time counts as missed."""

MOST_MISSED: Final = 100
"""So many missed ticks of one schedule are run, the newest."""

STEP: Final = timedelta(seconds=1)
"""The finest step of a cron expression."""

NextAfter = Callable[[datetime], datetime]


def start_of(executor: AbstractScheduleExecutor, schedule: Schedule) -> datetime:
    """When the tick that is next may start; each worker reckons the same."""
    first = _first(executor, schedule)
    return max(schedule.next_run, first + _delay(executor, schedule, first))


def next_tick(
    executor: AbstractScheduleExecutor, schedule: Schedule, now: datetime
) -> ScheduleTick:
    """The step that `schedule`, which may start, takes at `now`, the time of the database.

    Ticks are missed when the fleet was down, the schedule was paused, or an earlier tick of it ran
    too long. What happens to them is said by `missed` of the executor's parameters.
    """
    first = _first(executor, schedule)
    horizon = max(first, now - _delay(executor, schedule, first))
    due = _choose(executor, schedule, first, horizon)
    is_skipped = executor.parameters.missed == "skip" and horizon - due > ON_TIME
    following = now + executor.next_in() if has_own_times(executor) else executor.next_after(due)
    return ScheduleTick(
        schedule=schedule.id,
        next_run=schedule.next_run,
        due=None if is_skipped else due,
        following=max(following, schedule.next_run + timedelta.resolution),
    )


def has_own_times(executor: AbstractScheduleExecutor) -> bool:
    """Whether the due times are not those of the cron expression."""
    kind, base = type(executor), AbstractScheduleExecutor
    return kind.get_next is not base.get_next or kind.next_in is not base.next_in


def _first(executor: AbstractScheduleExecutor, schedule: Schedule) -> datetime:
    """The due time that `next_run` stands for.

    Where a delay was added to the time of the database it is off by a moment, and must not make
    a second tick of the same due time.
    """
    if has_own_times(executor):
        return schedule.next_run
    nearest = executor.next_after(schedule.next_run - STEP / 2)
    return nearest if nearest <= schedule.next_run + STEP / 2 else schedule.next_run


def _delay(executor: AbstractScheduleExecutor, schedule: Schedule, due: datetime) -> timedelta:
    """Random for each tick and each installation, but the same in every worker."""
    seed = f"{schedule.id} {schedule.created.timestamp()} {due.timestamp()}"
    return executor.parameters.jitter * random.Random(seed).random()  # noqa: S311 - spreads load


def _choose(
    executor: AbstractScheduleExecutor, schedule: Schedule, first: datetime, horizon: datetime
) -> datetime:
    """The tick to run, of those from `first` up to `horizon`."""
    if has_own_times(executor):
        return first
    if executor.parameters.missed == "all":
        return _oldest(schedule, executor.next_after, first, horizon)
    return _latest(executor.next_after, first, horizon)


def _oldest(
    schedule: Schedule, next_after: NextAfter, first: datetime, horizon: datetime
) -> datetime:
    tick = first
    for _ in range(MOST_MISSED):
        tick = next_after(tick)
        if tick > horizon:
            return first
    logger.warning(
        "The schedule %s (%s) missed more than %d ticks; only the newest of them are run",
        schedule.entrypoint,
        schedule.expression,
        MOST_MISSED,
    )
    tick = _latest(next_after, first, horizon)
    for _ in range(MOST_MISSED - 1):
        tick = _latest(next_after, first, tick - timedelta.resolution)
    return tick


def _latest(next_after: NextAfter, first: datetime, horizon: datetime) -> datetime:
    """The last due time up to `horizon`, found by halving, as a week has 600,000 seconds."""
    found, after = first, horizon
    while after - found >= STEP:
        middle = found + (after - found) / 2
        tick = next_after(middle)
        if tick <= horizon:
            found = tick
        else:
            after = middle
    tick = next_after(found)
    return tick if tick <= horizon else found
