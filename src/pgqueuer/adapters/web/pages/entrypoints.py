"""A line for each entrypoint."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.reports import Reports, Window, reports_of


async def gather(
    reports: Annotated[Reports, Depends(reports_of)], window: Window = "1h"
) -> Gathered:
    """What each entrypoint has to do, and how it did in the window."""
    return {
        "title": "Entrypoints",
        "window": window,
        "entrypoints": await reports.entrypoints(window),
    }


router = APIRouter()
add_live_page(router, "/entrypoints", "entrypoints", gather)
