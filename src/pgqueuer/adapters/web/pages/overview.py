"""The queue at a glance: numbers, throughput and latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends

from pgqueuer.adapters.web.charts import Chart, grid, lined, stacked
from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.reports import Reports, Window, length_of, reports_of, step_of
from pgqueuer.adapters.wording import count, span
from pgqueuer.domain.models import LatencyBucket, ThroughputBucket, utc_now

OUTCOMES: Final = ("successful", "failed", "exception", "canceled")
LATENCIES: Final = ("wait p50", "wait p95", "run p50", "run p95")


async def gather(
    reports: Annotated[Reports, Depends(reports_of)], window: Window = "1h"
) -> Gathered:
    """Numbers and charts of the window."""
    times = grid(utc_now(), length_of(window), step_of(window))
    return {
        "title": "Overview",
        "window": window,
        "overview": await reports.overview(window),
        "paused": await reports.insights.paused(),
        "throughput": _throughput(await reports.throughput(window), times, window),
        "latency": _latency(await reports.latency(window), times, window),
    }


def _throughput(
    buckets: Sequence[ThroughputBucket], times: list[datetime], window: Window
) -> Chart:
    """Jobs that ended in each step."""
    steps: list[Counter[str]] = [Counter() for _ in times]
    for bucket in buckets:
        place = (bucket.bucket - times[0]) // step_of(window)
        if bucket.status in OUTCOMES and 0 <= place < len(steps):
            steps[place][bucket.status] += bucket.count
    return stacked(list(zip(times, steps, strict=True)), OUTCOMES, count, step_of(window))


def _latency(buckets: Sequence[LatencyBucket], times: list[datetime], window: Window) -> Chart:
    known = {bucket.bucket: bucket for bucket in buckets}
    steps = [(time, _seconds(known.get(time))) for time in times]
    return lined(steps, LATENCIES, span, step_of(window))


def _seconds(bucket: LatencyBucket | None) -> dict[str, float | None]:
    if bucket is None:
        return {}
    return {
        "wait p50": bucket.wait_p50_seconds,
        "wait p95": bucket.wait_p95_seconds,
        "run p50": bucket.run_p50_seconds,
        "run p95": bucket.run_p95_seconds,
    }


router = APIRouter()
add_live_page(router, "/", "overview", gather)
