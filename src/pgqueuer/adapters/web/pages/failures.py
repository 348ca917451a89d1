"""What failed, by exception, and the held jobs themselves."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from pgqueuer.adapters.web.pages.jobs import requeue
from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.pages.writing import Form, read_form, refuse, writes
from pgqueuer.adapters.web.reports import Reports, Window, length_of, reports_of
from pgqueuer.adapters.web.urls import PREFIX
from pgqueuer.domain.types import JobId

SHOWN: Final = 100
GROUPED: Final = 1000


async def gather(
    reports: Annotated[Reports, Depends(reports_of)], window: Window = "24h"
) -> Gathered:
    """Groups of failures, held jobs, and the newest exceptions."""
    return {
        "title": "Failures",
        "window": window,
        "groups": await reports.insights.failure_groups(length_of(window), GROUPED),
        "grouped": GROUPED,
        "held": await reports.insights.browse_queue(SHOWN, 0, ["failed"], payloads=False),
        "exceptions": await reports.insights.exception_logs(SHOWN),
    }


router = APIRouter()
add_live_page(router, "/failures", "failures", gather)


@router.post("/failures/requeue", name=PREFIX + "requeue_group", dependencies=writes)
async def requeue_group(
    form: Annotated[Form, Depends(read_form)], reports: Annotated[Reports, Depends(reports_of)]
) -> Response:
    """Put back the held jobs of an entrypoint that failed with the same exception."""
    wanted = form.text("entrypoint"), form.text("exception")
    ids: list[JobId] = [
        job_id
        for group in await reports.insights.failure_groups(limit=GROUPED)
        if (group.entrypoint, group.exception_type) == wanted
        for job_id in group.held
    ]
    if not ids:
        return refuse("No job of this group is held any more")
    return await requeue(reports, ids)
