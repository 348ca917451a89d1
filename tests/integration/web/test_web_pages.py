from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from pgqueuer.domain.models import CronExpressionEntrypoint
from pgqueuer.domain.types import CronEntrypoint, CronExpression, JobId
from pgqueuer.queries import Queries
from pgqueuer.web import create_web_router
from tests.support.sample_queue import fill

PAGES = ("/", "/entrypoints", "/jobs", "/failures", "/workers", "/schedules", "/system")
PARTS = (*(f"/partials/{name}" for name in ("overview", "entrypoints", "jobs", "failures")),)
SCRIPT = "<script>alert('x')</script>"


@pytest.mark.parametrize("path", PAGES)
async def test_each_page_is_there_for_an_empty_queue(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert 'aria-current="page"' in answer.text


async def test_each_page_shows_what_is_in_the_queue(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    picked = await fill(queries, history=timedelta(minutes=30))

    shown = {path: (await visitor.get(path)).text for path in PAGES}

    assert "103" in shown["/"]
    assert "resize_image" in shown["/entrypoints"]
    assert "send_mail" in shown["/jobs"]
    assert "FileNotFoundError" in shown["/failures"]
    assert str(picked[0].queue_manager_id) in shown["/workers"]
    assert "nightly_report" in shown["/schedules"]
    assert "pgqueuer_log" in shown["/system"]


@pytest.mark.parametrize("path", PARTS)
async def test_a_part_is_the_page_without_its_frame(
    visitor: httpx.AsyncClient, queries: Queries, path: str
) -> None:
    await queries.enqueue("send", None)

    part = (await visitor.get(path)).text

    assert "<html" not in part
    page = (await visitor.get(path.removeprefix("/partials").replace("/overview", "/"))).text
    assert "<table" in part
    assert "<html" in page


async def test_jobs_are_filtered_and_searched(visitor: httpx.AsyncClient, queries: Queries) -> None:
    mail, bill = await queries.enqueue(["mail", "bill"], [b"to Ann", b"for Bob"], [0, 0])

    async def found(**query: str) -> set[JobId | None]:
        text = (await visitor.get("/jobs", params=query)).text
        return {job for job in (mail, bill) if f'/queue/jobs/{job}"' in text}

    assert await found() == {mail, bill}
    assert await found(entrypoint="mail") == {mail}
    assert await found(search="Bob") == {bill}
    assert await found(search=str(mail)) == {mail}
    assert await found(status="picked") == set()
    assert await found(status="nonsense") == {mail, bill}


async def test_jobs_come_in_pages_of_fifty(visitor: httpx.AsyncClient, queries: Queries) -> None:
    ids = await queries.enqueue(["mail"] * 51, [None] * 51, [0] * 51)

    first = (await visitor.get("/jobs")).text
    second = (await visitor.get("/jobs?page=2")).text

    assert [f'/queue/jobs/{job}"' in first for job in ids] == [False] + [True] * 50
    assert f'/queue/jobs/{ids[0]}"' in second
    assert 'rel="next"' in first
    assert 'rel="next"' not in second
    assert (await visitor.get("/jobs?page=0")).status_code == 422


async def test_a_job_is_shown_with_payload_headers_and_history(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    (job_id,) = await queries.enqueue("mail", b'{"to":"Ann"}', headers={"tenant": "shop"})

    there = (await visitor.get(f"/jobs/{job_id}")).text
    assert "&#34;to&#34;: &#34;Ann&#34;" in there
    assert "shop" in there
    assert job_id is not None
    await queries.mark_job_as_cancelled([job_id])

    gone = (await visitor.get(f"/jobs/{job_id}")).text
    assert "has left the queue" in gone
    assert "canceled" in gone


@pytest.mark.parametrize("job", ["999999", "0", "-1", str(2**63), str(2**200)])
async def test_an_unknown_job_is_not_found(visitor: httpx.AsyncClient, job: str) -> None:
    answer = await visitor.get(f"/jobs/{job}")

    assert answer.status_code == 404
    assert "unknown" in answer.text


async def test_goto_leads_to_the_job(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/jobs/goto", params={"id": 7})

    assert answer.status_code == 307
    assert answer.headers["location"] == "/queue/jobs/7"


async def test_health_and_files(visitor: httpx.AsyncClient) -> None:
    health = await visitor.get("/healthz")
    style = await visitor.get("/static/style.css")

    assert health.json() == {"status": "ok"}
    assert style.headers["content-type"].startswith("text/css")
    assert (await visitor.get("/static/../app.py")).status_code == 404
    assert (await visitor.get("/static/nothing.js")).status_code == 404


async def test_nothing_that_others_wrote_is_markup(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    await queries.enqueue(SCRIPT, SCRIPT.encode(), headers={SCRIPT: SCRIPT})
    (job,) = await queries.browse_queue()
    key = CronExpressionEntrypoint(CronEntrypoint(SCRIPT), CronExpression("* * * * *"))
    await queries.insert_schedule({key: timedelta(minutes=1)})

    for path in (*PAGES, f"/jobs/{job.id}", f"/jobs?search={SCRIPT}&entrypoint={SCRIPT}"):
        assert "<script>alert" not in (await visitor.get(path)).text, path


async def test_a_page_without_a_queue_says_what_to_set() -> None:
    application = FastAPI()
    application.include_router(create_web_router())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://page"
    ) as client:
        with pytest.raises(RuntimeError, match=r"app\.state\.pgq_queries"):
            await client.get("/jobs")


async def test_without_events_the_pages_poll_only(queries: Queries) -> None:
    application = FastAPI()
    application.state.pgq_queries = queries
    application.include_router(create_web_router(include_sse=False))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://page"
    ) as client:
        assert 'data-events=""' in (await client.get("/")).text
        assert (await client.get("/events")).status_code == 404
