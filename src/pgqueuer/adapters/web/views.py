"""From data to HTML: the templates, their filters and the headers of the answers."""

from __future__ import annotations

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
from pgqueuer.adapters.wording import ago, count, percent, span, word

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


def render(
    request: Request, template: str, /, *, code: int = 200, **values: object
) -> HTMLResponse:
    """The template with `values`; payloads, names and texts in them are escaped."""
    html = (
        _templates()
        .get_template(template)
        .render(values, urls=Urls(request), version=pgqueuer.__version__)
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
        word=word,
    )
    environment.globals.update(sparkline=sparkline, render_payload=render_payload)
    return environment


def pretty(value: object) -> str:
    """A JSON value with line breaks."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def iso(time: datetime) -> str:
    """For machines, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def day_time(time: datetime) -> str:
    """For people, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
