"""Deletes history that is older than it has to be kept, a small batch at a time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from pgqueuer.core.backoff import jittered
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.retention import LARGEST_BATCH, PruneRequest, PruneStep, shown
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.repository import HistoryPruning

Step = Callable[[PruneRequest], Awaitable[PruneStep]]

FIRST_LOOK = (10.0, 60.0)
"""Seconds after the start between which a worker looks first, so that a fleet spreads out."""

PAUSE_BETWEEN_LOOKS = 1_800.0
PAUSE_BETWEEN_TABLES = 10.0
SHORTEST_PAUSE = 0.05
"""Seconds. A worker rests between two batches for as long as the last one took, at least this."""


async def prune(
    step: Step,
    request: PruneRequest,
    *,
    gently: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Take steps until the pass is over; return how many rows were deleted.

    `gently` leaves the connection to others half of the time. `on_progress` gets the total after
    each step.
    """
    deleted = 0
    while True:
        began = time.monotonic()
        done = await step(request)
        deleted += done.deleted
        if on_progress is not None:
            on_progress(deleted)
        if done.resume is None:
            return deleted
        request = replace(request, after=done.resume)
        if gently:
            await asyncio.sleep(max(time.monotonic() - began, SHORTEST_PAUSE))


class PruneCalls:
    """What a store that can prune offers to programs, over its two steps."""

    @property
    def settings(self) -> DBSettings:
        """Where the retentions come from."""
        raise NotImplementedError

    async def prune_log_step(self, request: PruneRequest) -> PruneStep:
        """See `HistoryPruning`."""
        raise NotImplementedError

    async def prune_statistics_step(self, request: PruneRequest) -> PruneStep:
        """See `HistoryPruning`."""
        raise NotImplementedError

    async def prune_log(
        self,
        older_than: timedelta | None = None,
        *,
        batch_size: int = LARGEST_BATCH,
        dry_run: bool = False,
        on_progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete log rows older than `older_than`, and return how many there were.

        None is the `log_retention` of the settings, and nothing is deleted if that is None too.
        Each batch of `batch_size` rows, 5,000 at most, is looked at in a transaction of its own
        unless the caller's connection is in one; `on_progress` gets the total after each. Rows of
        a job that ended go together, when its newest is old enough; of a job in the queue the
        newest stays. What the statistics had not counted yet is counted. `dry_run` only counts.
        """
        period = self.settings.log_retention if older_than is None else older_than
        return await _prune_all_of(self.prune_log_step, period, batch_size, dry_run, on_progress)

    async def prune_statistics(
        self,
        older_than: timedelta | None = None,
        *,
        batch_size: int = LARGEST_BATCH,
        dry_run: bool = False,
        on_progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete statistics older than `older_than`, in batches; return how many rows there were.

        None is the `statistics_retention` of the settings, and nothing is deleted if that is None
        too. `dry_run` only counts.
        """
        period = self.settings.statistics_retention if older_than is None else older_than
        step = self.prune_statistics_step
        return await _prune_all_of(step, period, batch_size, dry_run, on_progress)


async def _prune_all_of(
    step: Step,
    period: timedelta | None,
    batch_size: int,
    dry_run: bool,
    on_progress: Callable[[int], None] | None,
) -> int:
    if period is None:
        return 0
    request = PruneRequest(older_than=period, batch_size=batch_size, dry_run=dry_run)
    return await prune(step, request, on_progress=on_progress)


async def prune_regularly(store: object, settings: DBSettings) -> None:
    """Keep log and statistics within their retentions for ever, soon after the start too.

    One worker of a fleet does it at a time. Failures are logged, and the next look tries again.
    Ends at once where everything is kept, or where the store can not prune.
    """
    if not isinstance(store, HistoryPruning):
        return
    if settings.log_retention is None and settings.statistics_retention is None:
        return
    await asyncio.sleep(random.uniform(*FIRST_LOOK))  # noqa: S311 - spreads load, guards nothing
    tables = (
        ("log", store.prune_log_step, settings.log_retention),
        ("statistics", store.prune_statistics_step, settings.statistics_retention),
    )
    while True:
        for what, step, period in tables:
            if period is not None:
                await _prune_table(what, step, period)
                await asyncio.sleep(jittered(PAUSE_BETWEEN_TABLES))
        await asyncio.sleep(jittered(PAUSE_BETWEEN_LOOKS))


async def _prune_table(what: str, step: Step, period: timedelta) -> None:
    """One gentle pass, unless another worker is at it."""
    try:
        deleted = await prune(step, PruneRequest(older_than=period, alone=True), gently=True)
    except Exception:
        logger.warning("The %s could not be pruned; the next look tries again", what, exc_info=True)
        return
    if deleted:
        logger.info("Deleted %s row(s) of the %s older than %s", deleted, what, shown(period))
