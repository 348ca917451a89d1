"""Folds the log into statistics now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from pgqueuer.core.backoff import jittered
from pgqueuer.core.logconfig import logger
from pgqueuer.ports.repository import QueueRepositoryPort


async def aggregate_regularly(
    queries: QueueRepositoryPort, interval: timedelta, logged: Callable[[], int]
) -> None:
    """Aggregate for ever, but only when `logged`, a running total, has grown since the last time.

    One second is the shortest interval; failures are logged and the next turn tries again.
    """
    seen = logged()
    while True:
        await asyncio.sleep(max(jittered(interval.total_seconds()), 1.0))
        if logged() == seen:
            continue
        seen = logged()
        try:
            await queries.aggregate_logs()
        except Exception:
            logger.warning(
                "The log could not be aggregated; the next turn tries again", exc_info=True
            )
