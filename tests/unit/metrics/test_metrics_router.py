"""The route for Prometheus in a FastAPI application."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from datetime import timedelta

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.metrics.fastapi import create_metrics_router
from pgqueuer.metrics.prometheus import MetricNames, collect_metrics


async def get(app: object, path: str) -> tuple[int, dict[str, str], str]:
    """Ask an ASGI application; return status, headers and body."""
    sent: list[MutableMapping[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], headers, body.decode()


async def test_the_route_answers_a_scrape_as_plain_text() -> None:
    fastapi = pytest.importorskip("fastapi")
    repository = InMemoryQueries(InMemoryDriver())
    await repository.enqueue("mail", None, execute_after=timedelta(hours=1))
    names = MetricNames(queue_count="jobs")
    app = fastapi.FastAPI()
    app.include_router(create_metrics_router(repository, metric_names=names, path="/scrape"))
    app.include_router(create_metrics_router(repository))

    status, headers, body = await get(app, "/scrape")

    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert body == await collect_metrics(repository, metric_names=names)
    assert 'jobs{aggregation="sum",entrypoint="mail",status="queued"} 1\n' in body
    assert (await get(app, "/metrics"))[2] == await collect_metrics(repository)


def test_without_fastapi_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)

    with pytest.raises(ImportError, match=r"pip install 'pgqueuer\[fastapi\]'"):
        create_metrics_router(InMemoryQueries(InMemoryDriver()))
