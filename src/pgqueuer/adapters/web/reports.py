"""What the pages show, asked of the database once for all visitors of a moment."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypeVar

from fastapi import Request

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.cache import TTLCache
from pgqueuer.core.insights import InsightsService, QueueManagementService
from pgqueuer.domain.models import (
    EntrypointStat,
    LatencyBucket,
    OverviewSnapshot,
    ThroughputBucket,
)

T = TypeVar("T")
Window: TypeAlias = Literal["1h", "6h", "24h"]

HOURS: Final = MappingProxyType[Window, int]({"1h": 1, "6h": 6, "24h": 24})
STEPS: Final = 60
"""A chart has so many steps."""
KEPT_PER_HOUR: Final = timedelta(seconds=1.5)
"""Reports on an hour are kept for so long, those on longer windows in proportion."""
REST: Final = 10
"""They are kept for so many times what they took, to spare a database with many jobs …"""
LONGEST: Final = timedelta(seconds=30)
"""… but not for longer, because of that."""


def length_of(window: Window) -> timedelta:
    """The time that a window spans; it ends now."""
    return timedelta(hours=HOURS[window])


def step_of(window: Window) -> timedelta:
    """The time that a step of a chart spans."""
    return length_of(window) / STEPS


class Reports:
    """Reports on windows are kept for a moment; what a person may change is always read anew."""

    def __init__(self, queries: Queries) -> None:
        self.queries = queries
        self.insights = InsightsService(queries)
        self.management = QueueManagementService(queries)
        self._overview = _by_window(self.insights.overview)
        self._entrypoints = _by_window(self.insights.entrypoint_stats)
        self._throughput = _by_window(self.insights.throughput_timeseries)
        self._latency = {
            window: _kept(KEPT_PER_HOUR * hours, self._latency_of(window))
            for window, hours in HOURS.items()
        }

    async def overview(self, window: Window) -> OverviewSnapshot:
        """The queue in six numbers."""
        return await self._overview[window]()

    async def entrypoints(self, window: Window) -> list[EntrypointStat]:
        """A line for each entrypoint."""
        return await self._entrypoints[window]()

    async def throughput(self, window: Window) -> list[ThroughputBucket]:
        """Transitions by minute."""
        return await self._throughput[window]()

    async def latency(self, window: Window) -> list[LatencyBucket]:
        """Waits and run times by steps."""
        return await self._latency[window]()

    def _latency_of(self, window: Window) -> Callable[[], Awaitable[list[LatencyBucket]]]:
        return lambda: self.insights.latency(step_of(window), length_of(window))


def _by_window(
    report: Callable[[timedelta], Awaitable[T]],
) -> dict[Window, TTLCache[T]]:
    def of(window: Window) -> Callable[[], Awaitable[T]]:
        return lambda: report(length_of(window))

    return {window: _kept(KEPT_PER_HOUR * hours, of(window)) for window, hours in HOURS.items()}


def _kept(shortest: timedelta, report: Callable[[], Awaitable[T]]) -> TTLCache[T]:
    async def timed() -> T:
        started = time.monotonic()
        result = await report()
        rest = timedelta(seconds=REST * (time.monotonic() - started))
        cache.ttl = max(shortest, min(rest, LONGEST))
        return result

    cache = TTLCache(shortest, timed)
    return cache


def reports_of(request: Request) -> Reports:
    """The reports of the application's `state.pgq_queries`, which it has to set."""
    state = request.app.state
    queries = getattr(state, "pgq_queries", None)
    if queries is None:
        raise RuntimeError(
            "The web page has no queue: set app.state.pgq_queries to a Queries at start"
        )
    reports = getattr(state, "pgq_reports", None)
    if not isinstance(reports, Reports) or reports.queries is not queries:
        reports = state.pgq_reports = Reports(queries)
    return reports
