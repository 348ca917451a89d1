from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from pgqueuer.domain.models import CronExpressionEntrypoint
from pgqueuer.domain.types import CronEntrypoint, CronExpression
from pgqueuer.queries import Queries
from tests.support.sample_queue import fill

TICK = CronExpressionEntrypoint(CronEntrypoint("tick"), CronExpression("0 3 * * *"))


def is_done(answer: httpx.Response) -> bool:
    return answer.status_code == 204 and answer.headers["hx-refresh"] == "true"


async def test_a_job_is_canceled(visitor: httpx.AsyncClient, queries: Queries) -> None:
    (job_id,) = await queries.enqueue("mail", None)

    assert is_done(await visitor.post(f"/jobs/{job_id}/cancel"))

    assert await queries.browse_queue() == []


async def test_held_jobs_are_put_back(visitor: httpx.AsyncClient, queries: Queries) -> None:
    await fill(queries, history=timedelta(0))
    first, second, *others = await queries.list_failed_jobs()

    answer = await visitor.post("/jobs/requeue", data={"ids[]": [str(first.id), str(second.id)]})

    assert is_done(answer)
    assert {job.id for job in await queries.list_failed_jobs()} == {job.id for job in others}


async def test_a_group_of_failures_is_put_back(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    await fill(queries, history=timedelta(0))
    groups = await queries.failure_groups(timedelta(hours=1))
    group = max(groups, key=lambda each: len(each.held))
    before = len(await queries.list_failed_jobs())
    form = {"entrypoint": group.entrypoint, "exception": group.exception_type}

    assert is_done(await visitor.post("/failures/requeue", data=form))

    assert len(await queries.list_failed_jobs()) == before - len(group.held)
    again = await visitor.post("/failures/requeue", data=form)
    assert (again.status_code, "held any more" in again.text) == (409, True)


async def test_a_requeue_that_clashes_is_refused_with_the_reason(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    await fill(queries, history=timedelta(0))
    (held, *_) = await queries.list_failed_jobs()
    await queries.driver.execute("UPDATE pgqueuer SET dedupe_key = 'k' WHERE id = $1", held.id)
    await queries.enqueue("mail", None, dedupe_key="k")

    answer = await visitor.post("/jobs/requeue", data={"ids[]": str(held.id)})

    assert answer.status_code == 409
    assert "'k'" in answer.text


async def test_schedules_are_paused_resumed_and_run(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    await queries.insert_schedule({TICK: timedelta(hours=1)})
    (schedule,) = await queries.peek_schedule()

    assert is_done(await visitor.post(f"/schedules/{schedule.id}/pause"))
    assert (await queries.peek_schedule())[0].paused
    assert is_done(await visitor.post(f"/schedules/{schedule.id}/resume"))
    assert not (await queries.peek_schedule())[0].paused
    assert is_done(await visitor.post(f"/schedules/{schedule.id}/run"))
    assert (await queries.peek_schedule())[0].next_run <= await queries.database_time()
    assert (await visitor.post(f"/schedules/{schedule.id}/explode")).status_code == 422


async def test_entrypoints_are_paused_and_resumed(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    name = 'a/b "c" <d>'
    form = {"entrypoint": name, "reason": "the <mail> is down"}

    assert is_done(await visitor.post("/entrypoints/pause", data=form))
    (paused,) = await queries.paused_entrypoints()
    assert (paused.entrypoint, paused.reason) == (name, "the <mail> is down")
    page = (await visitor.get("/entrypoints?window=24h")).text
    assert "the &lt;mail&gt; is down" in page
    assert "Paused entrypoints" in (await visitor.get("/")).text
    assert is_done(await visitor.post("/entrypoints/resume", data=form))
    assert await queries.paused_entrypoints() == []
    assert "Paused entrypoints" not in (await visitor.get("/")).text


async def test_what_can_not_be_paused_is_refused(
    visitor: httpx.AsyncClient, queries: Queries
) -> None:
    answer = await visitor.post("/entrypoints/pause", data={"entrypoint": ""})

    assert answer.status_code == 409
    assert "entrypoint must not be empty" in answer.text
    assert (await visitor.post("/entrypoints/explode")).status_code == 422


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "path",
    [
        "/jobs/1/cancel",
        "/jobs/requeue",
        "/failures/requeue",
        "/schedules/1/run",
        "/entrypoints/pause",
    ],
)
async def test_other_sites_can_not_write(visitor: httpx.AsyncClient, path: str, site: str) -> None:
    answer = await visitor.post(path, headers={"sec-fetch-site": site})

    assert answer.status_code == 403


async def test_the_page_itself_can_write(visitor: httpx.AsyncClient, queries: Queries) -> None:
    (job_id,) = await queries.enqueue("mail", None)

    headers = {"sec-fetch-site": "same-origin"}

    assert is_done(await visitor.post(f"/jobs/{job_id}/cancel", headers=headers))


@pytest.mark.parametrize(
    ("form", "code"), [({}, 409), ({"ids[]": "x"}, 422), ({"ids[]": "9" * 1_000_001}, 413)]
)
async def test_forms_that_make_no_sense_are_refused(
    visitor: httpx.AsyncClient, form: dict[str, str], code: int
) -> None:
    assert (await visitor.post("/jobs/requeue", data=form)).status_code == code
