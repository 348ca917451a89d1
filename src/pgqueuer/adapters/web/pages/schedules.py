"""Schedules: when they ran and will run; paused, resumed, run now."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response

from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.pages.writing import done, writes
from pgqueuer.adapters.web.reports import Reports, reports_of
from pgqueuer.adapters.web.urls import PREFIX
from pgqueuer.domain.types import ScheduleId


async def gather(reports: Annotated[Reports, Depends(reports_of)]) -> Gathered:
    """Every schedule, the next one to run first."""
    schedules = await reports.insights.schedules()
    return {
        "title": "Schedules",
        "schedules": sorted(schedules, key=lambda each: (each.paused, each.next_run, each.id)),
    }


router = APIRouter()
add_live_page(router, "/schedules", "schedules", gather)


@router.post("/schedules/{schedule_id}/{action}", name=PREFIX + "schedule", dependencies=writes)
async def change_schedule(
    schedule_id: int,
    action: Literal["pause", "resume", "run"],
    reports: Annotated[Reports, Depends(reports_of)],
) -> Response:
    """Pause or resume a schedule, or make it due at once."""
    queries = reports.queries
    changes = {
        "pause": queries.pause_schedule,
        "resume": queries.resume_schedule,
        "run": queries.run_schedule_now,
    }
    await changes[action]({ScheduleId(schedule_id)}, set())
    return done()
