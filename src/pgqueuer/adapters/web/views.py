"""From data to HTML: the templates, and how they write times and numbers."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi import status as http
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

import pgqueuer
from pgqueuer.adapters.web.charts import sparkline
from pgqueuer.adapters.web.payload import render_payload
from pgqueuer.adapters.web.urls import Urls
from pgqueuer.domain.models import utc_now

TEMPLATES: Final = Path(__file__).parent / "templates"
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NOTHING: Final = "\N{EN DASH}"
UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def render(
    request: Request, template: str, /, *, code: int = 200, **values: object
) -> HTMLResponse:
    """The template with `values`; payloads, names and texts in them are escaped."""
    html = (
        _templates()
        .get_template(template)
        .render(values, urls=Urls(request), now=utc_now(), version=pgqueuer.__version__)
    )
    return HTMLResponse(html, code, headers=SECURITY_HEADERS)


def render_problem(request: Request, code: int, title: str, advice: str) -> HTMLResponse:
    """A page that says what is wrong and what to do."""
    return render(
        request,
        "problem.html",
        code=code,
        title=title,
        advice=advice,
        temporary=code == http.HTTP_503_SERVICE_UNAVAILABLE,
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        span=span,
        ago=ago,
        count=count,
        percent=percent,
        iso=iso,
        day_time=day_time,
        pretty=pretty,
    )
    environment.globals.update(sparkline=sparkline, render_payload=render_payload)
    return environment


def span(seconds: float | None) -> str:
    """A duration with two digits that matter: 4.2 ms, 3.5 s, 2 h 5 min."""
    if seconds is None:
        return NOTHING
    if seconds == 0:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    for (unit, name), (smaller, smaller_name) in itertools.pairwise(UNITS):
        if seconds >= unit:
            whole, rest = divmod(int(seconds), unit)
            part = rest // smaller
            return f"{whole} {name}" + (f" {part} {smaller_name}" if part else "")
    raise AssertionError(seconds)


def ago(time: datetime) -> str:
    """How long ago, or in how much time."""
    seconds = (utc_now() - time).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{span(int(seconds))} ago" if seconds > 0 else f"in {span(int(-seconds))}"


def count(value: float) -> str:
    """A number with its thousands apart; parts of one are told with two digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2g}"


def percent(share: float | None) -> str:
    """A share of one as percent."""
    return NOTHING if share is None else f"{share * 100:.3g} %"


def pretty(value: object) -> str:
    """A JSON value with line breaks."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def iso(time: datetime) -> str:
    """For machines, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def day_time(time: datetime) -> str:
    """For people, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
