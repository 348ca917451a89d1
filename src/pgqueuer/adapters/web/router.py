"""Every route of the web page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, params, status
from fastapi.responses import FileResponse, Response, StreamingResponse

from pgqueuer.adapters.web.pages import (
    entrypoints,
    failures,
    jobs,
    overview,
    schedules,
    system,
    workers,
)
from pgqueuer.adapters.web.sse import event_stream
from pgqueuer.adapters.web.urls import PREFIX

STATIC: Final = {
    path.name: path for path in (Path(__file__).parent / "static").iterdir() if path.is_file()
}
PAGES: Final = (overview, entrypoints, jobs, failures, workers, schedules, system)


def create_web_router(
    *, dependencies: Sequence[params.Depends] | None = None, include_sse: bool = True
) -> APIRouter:
    """The pages, for an application that has a `Queries` at `app.state.pgq_queries`.

    `dependencies` guard every route. With `include_sse` a `Broadcaster` at
    `app.state.pgq_broadcaster` tells open pages of changes at once; without it, or where there is
    none, they ask every few seconds.
    """
    router = APIRouter(dependencies=dependencies)
    for page in PAGES:
        router.include_router(page.router)
    router.add_api_route("/healthz", _healthz, name=PREFIX + "healthz")
    router.add_api_route(
        "/static/{file}", _static, name=PREFIX + "static", response_class=FileResponse
    )
    if include_sse:
        router.add_api_route(
            "/events", _events, name=PREFIX + "events", response_class=StreamingResponse
        )
    return router


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


async def _static(file: str) -> Response:
    if file not in STATIC:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such file")
    return FileResponse(STATIC[file], headers={"Cache-Control": "max-age=3600"})


async def _events(request: Request) -> Response:
    broadcaster = getattr(request.app.state, "pgq_broadcaster", None)
    if broadcaster is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The pages poll: there is no broadcaster")
    return StreamingResponse(
        event_stream(broadcaster),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
