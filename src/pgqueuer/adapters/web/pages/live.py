"""Pages that keep themselves up to date."""

# FastAPI reads the annotations of the routes below, which name a parameter of the function that
# they stand in: they can not be kept as text, as a __future__ import would.

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from pgqueuer.adapters.web.urls import PREFIX, Urls
from pgqueuer.adapters.web.views import render

Gathered: TypeAlias = dict[str, Any]


def add_live_page(
    router: APIRouter,
    path: str,
    name: str,
    gather: Callable[..., Awaitable[Gathered]],
    *,
    every: int = 5,
) -> None:
    """Serve what the dependency `gather` returns as a page at `path`, and as its inner part.

    The inner part is at `/partials/{name}`, for an open page to fetch anew with the same query,
    `every` so many seconds and at changes (0: only after an action); its template is
    `partials/{name}.html`.
    """

    async def page(
        request: Request, gathered: Annotated[Gathered, Depends(gather)]
    ) -> HTMLResponse:
        part_url = Urls(request)(f"{name}_part") + _query(request)
        return render(request, "page.html", **gathered, name=name, part=part_url, every=every)

    async def part(
        request: Request, gathered: Annotated[Gathered, Depends(gather)]
    ) -> HTMLResponse:
        return render(request, f"partials/{name}.html", **gathered, name=name)

    router.add_api_route(path, page, name=PREFIX + name, response_class=HTMLResponse)
    router.add_api_route(
        f"/partials/{name}", part, name=f"{PREFIX}{name}_part", response_class=HTMLResponse
    )


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""
