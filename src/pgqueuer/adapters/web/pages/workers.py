"""Who holds jobs, and which of them were not heard of."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.reports import Reports, reports_of
from pgqueuer.core.insights import DEFAULT_STALE_THRESHOLD

SHOWN: Final = 100
DAY: Final = 86_400


async def gather(
    reports: Annotated[Reports, Depends(reports_of)],
    stale_after: Annotated[float, Query(ge=0, le=DAY)] = DEFAULT_STALE_THRESHOLD.total_seconds(),
) -> Gathered:
    """Workers that hold jobs, and jobs without a heartbeat for `stale_after` seconds."""
    return {
        "title": "Workers",
        "stale_after": stale_after,
        "workers": await reports.insights.active_workers(),
        "stale": await reports.insights.stale_jobs(timedelta(seconds=stale_after), SHOWN),
    }


router = APIRouter()
add_live_page(router, "/workers", "workers", gather)
