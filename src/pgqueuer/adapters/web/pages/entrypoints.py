"""A line for each entrypoint; paused and resumed."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response

from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.pages.writing import done, read_form, refuse, writes
from pgqueuer.adapters.web.reports import Reports, Window, reports_of
from pgqueuer.adapters.web.urls import PREFIX
from pgqueuer.core.insights import with_pauses


async def gather(
    reports: Annotated[Reports, Depends(reports_of)], window: Window = "1h"
) -> Gathered:
    """What each entrypoint has to do, and how it did in the window."""
    return {
        "title": "Entrypoints",
        "window": window,
        "entrypoints": with_pauses(
            await reports.entrypoints(window), await reports.insights.paused()
        ),
    }


router = APIRouter()
add_live_page(router, "/entrypoints", "entrypoints", gather)


@router.post("/entrypoints/{action}", name=PREFIX + "entrypoint", dependencies=writes)
async def change_entrypoint(
    request: Request,
    action: Literal["pause", "resume"],
    reports: Annotated[Reports, Depends(reports_of)],
) -> Response:
    """Pause or resume the `entrypoint` of the form, for the `reason` of the form if it has one."""
    form = await read_form(request)
    name = form.text("entrypoint") or ""
    try:
        if action == "pause":
            await reports.queries.pause_entrypoints(name, reason=form.text("reason"))
        else:
            await reports.queries.resume_entrypoints(name)
    except ValueError as error:
        return refuse(f"Nothing was changed: {error}.")
    return done()
