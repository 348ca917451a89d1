from __future__ import annotations

import asyncio

import httpx
import pytest

from pgqueuer.adapters.web.auth import create_basic_auth_dependency
from pgqueuer.adapters.web.sse import CHANGE, FIRST, KEEPALIVE, Broadcaster, event_stream
from pgqueuer.queries import Queries
from pgqueuer.web import create_web_app
from tests.support.browser import served

ROUTES = ("/", "/jobs", "/healthz", "/static/style.css", "/partials/jobs", "/events")


async def test_with_credentials_every_route_asks_for_them(
    queue_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_WEB_USER", "ann")
    monkeypatch.setenv("PGQUEUER_WEB_PASSWORD", "sécret")
    async with (
        served(create_web_app(queue_dsn)) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        for path in ROUTES:
            answer = await client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Basic")
        for user, password in [("ann", "secret"), ("bob", "sécret"), ("", "")]:
            assert (await client.get("/", auth=(user, password))).status_code == 401
        assert (await client.get("/", auth=("ann", "sécret"))).status_code == 200


async def test_without_credentials_it_is_open_and_says_so(
    queue_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served(create_web_app(queue_dsn)) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        assert (await client.get("/")).status_code == 200
    assert "PGQUEUER_WEB_PASSWORD" in caplog.text


def test_the_credentials_have_to_come_from_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGQUEUER_WEB_USER", raising=False)
    with pytest.raises(ValueError, match="PGQUEUER_WEB_USER"):
        create_basic_auth_dependency()


async def test_a_missing_schema_is_a_page_that_says_what_to_run(dsn: str) -> None:
    async with (
        served(create_web_app(dsn)) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        answer = await client.get("/")

        assert answer.status_code == 503
        assert "pgq install" in answer.text


async def test_an_unknown_address_is_a_page_too(queue_dsn: str) -> None:
    async with (
        served(create_web_app(queue_dsn)) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        answer = await client.get("/nothing")

        assert answer.status_code == 404
        assert "There is no such page" in answer.text


async def test_open_pages_are_told_of_changes(queue_dsn: str, queries: Queries) -> None:
    async with (
        served(create_web_app(queue_dsn)) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
        client.stream("GET", "/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 3000"

        await queries.enqueue("mail", None)

        async with asyncio.timeout(30):
            while await anext(lines) != "event: queue-change":
                pass


async def test_several_changes_in_a_row_are_told_once() -> None:
    broadcaster = Broadcaster(debounce=0.01)
    stream = event_stream(broadcaster, keepalive=0.2)
    assert await anext(stream) == FIRST
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    for _ in range(20):
        broadcaster.publish()

    assert await waiting == CHANGE
    assert await anext(stream) == KEEPALIVE
    await stream.aclose()
