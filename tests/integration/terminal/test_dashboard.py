"""The live view of `pgq dashboard` over a real queue."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import asyncpg
from textual.widgets import Input, Static

from pgqueuer.adapters.terminal.app import Dashboard
from pgqueuer.adapters.terminal.screens import ConfirmScreen, JobScreen
from pgqueuer.models import TracebackRecord
from pgqueuer.queries import Queries
from pgqueuer.types import JobId
from tests.support.sample_queue import fill, pick
from tests.support.terminal import cells, job_table, opener, shown, status_line, told


async def hold_one(dsn: str, entrypoint: str = "send_mail") -> JobId:
    """A held job; its payload and its exception look like markup."""
    async with opener(dsn)() as queries:
        (job_id,) = await queries.enqueue(
            entrypoint, b'{"to": "[red]x[/red]"}', headers={"tenant": "shop-1"}
        )
        (job,) = await pick(queries, 1, [entrypoint])
        error = TracebackRecord.from_exception(ValueError("[/bold] boom"), job.id)
        await queries.log_jobs([(job, "failed", error)])
    return job_id


async def test_every_view_shows_its_rows(queue_dsn):
    async with opener(queue_dsn)() as queries:
        await fill(queries, history=timedelta(minutes=20))
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await shown(pilot, lambda: ["all", "Held", "8"] in cells(app, "overview"))
        await pilot.press("2")
        await shown(pilot, lambda: "send_mail" in [row[0] for row in cells(app, "entrypoints")])
        await pilot.press("3")
        await shown(
            pilot, lambda: {"held", "running", "queued"} == {row[1] for row in cells(app, "jobs")}
        )
        await pilot.press("4")
        await shown(pilot, lambda: "5 running" in [row[1] for row in cells(app, "workers")])
        await pilot.press("5")
        await shown(
            pilot,
            lambda: (
                ["nightly_report", "0 3 * * *", "paused"]
                in [row[1:4] for row in cells(app, "schedules")]
            ),
        )


async def test_the_filter_leaves_the_jobs_of_one_entrypoint(queue_dsn):
    await hold_one(queue_dsn, "a")
    await hold_one(queue_dsn, "b")
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: {row[2] for row in cells(app, "jobs")} == {"a", "b"})
        await pilot.press("slash", "b", "enter")
        await shown(pilot, lambda: {row[2] for row in cells(app, "jobs")} == {"b"})
        await pilot.press("slash", "x", "escape")
        await shown(pilot, lambda: job_table(app).has_focus)
        assert app.query_one("#filter", Input).value == "b"


async def test_enter_opens_a_job_with_all_that_is_known(queue_dsn):
    job_id = await hold_one(queue_dsn)
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: job_table(app).row_count == 1)
        await pilot.press("enter")
        await shown(pilot, lambda: isinstance(app.screen, JobScreen))
        text = str(app.screen.query_one("#told", Static).content)
        assert f"Job {job_id}" in text
        assert "[red]x[/red]" in text
        assert "shop-1" in text
        assert "ValueError: [/bold] boom" in text
        await pilot.press("escape")
        await shown(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_held_job_is_requeued(queue_dsn):
    job_id = await hold_one(queue_dsn)
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: [row[1] for row in cells(app, "jobs")] == ["held"])
        await pilot.press("r")
        await shown(pilot, lambda: [row[1] for row in cells(app, "jobs")] == ["queued"])
        assert told(app) == [f"Job {job_id} is back in the queue."]
        await pilot.press("r")
        await shown(pilot, lambda: len(told(app)) == 2)
        assert "is not held" in told(app)[-1]


async def test_an_open_job_is_requeued_too(queue_dsn):
    await hold_one(queue_dsn)
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: job_table(app).row_count == 1)
        await pilot.press("enter")
        await shown(pilot, lambda: isinstance(app.screen, JobScreen))
        await pilot.press("r")
        await shown(pilot, lambda: [row[1] for row in cells(app, "jobs")] == ["queued"])
        assert len(app.screen_stack) == 1


async def test_a_requeue_that_clashes_is_told_with_its_reason(queue_dsn):
    held = await hold_one(queue_dsn)
    async with opener(queue_dsn)() as queries:
        await queries.driver.execute("UPDATE pgqueuer SET dedupe_key = 'k' WHERE id = $1", held)
        await queries.enqueue("send_mail", None, dedupe_key="k")
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: job_table(app).row_count == 2)
        await pilot.press("r")
        await shown(pilot, lambda: len(told(app)) == 1)
        assert "'k'" in told(app)[0]


async def test_an_empty_queue_is_told_in_words(queue_dsn):
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: "No job is queued" in status_line(app))


async def test_a_job_is_canceled_only_after_a_yes(queue_dsn):
    await hold_one(queue_dsn)
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: job_table(app).row_count == 1)
        await pilot.press("c")
        await shown(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await shown(pilot, lambda: len(app.screen_stack) == 1)
        async with opener(queue_dsn)() as queries:
            assert len(await queries.list_failed_jobs(10)) == 1
        await pilot.press("c")
        await shown(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await shown(pilot, lambda: job_table(app).row_count == 0)
        async with opener(queue_dsn)() as queries:
            assert await queries.list_failed_jobs(10) == []


async def test_a_lost_database_is_told_and_the_view_goes_on(queue_dsn):
    await hold_one(queue_dsn)
    places = [queue_dsn, "postgresql://127.0.0.1:1/none", queue_dsn]

    def open_first() -> AbstractAsyncContextManager[Queries]:
        return opener(places[0])()

    app = Dashboard(open_first, every=0.1)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("3")
        await shown(pilot, lambda: job_table(app).row_count == 1)
        places.pop(0)
        other = await asyncpg.connect(queue_dsn)
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await other.close()
        await shown(pilot, lambda: "goes on trying" in status_line(app))
        assert job_table(app).row_count == 1
        places.pop(0)
        await shown(pilot, lambda: "UTC" in status_line(app))


async def test_q_quits(queue_dsn):
    app = Dashboard(opener(queue_dsn), every=0.1)
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert app.return_code == 0


async def test_p_pauses_an_entrypoint_once_it_is_confirmed_and_resumes_it(queue_dsn):
    async with opener(queue_dsn)() as queries:
        await queries.enqueue("send_mail", None)

        async def paused() -> list[str]:
            return [pause.entrypoint for pause in await queries.paused_entrypoints()]

        app = Dashboard(opener(queue_dsn), every=0.1)
        async with app.run_test(size=(140, 40)) as pilot:
            await pilot.press("2")
            await shown(
                pilot, lambda: [row[0] for row in cells(app, "entrypoints")] == ["send_mail"]
            )
            await pilot.press("p")
            await shown(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("n")
            assert await paused() == []
            await pilot.press("p")
            await shown(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await shown(pilot, lambda: cells(app, "entrypoints")[0][1] != "\N{EN DASH}")
            assert await paused() == ["send_mail"]
            await pilot.press("1")
            line = ["all", "Paused entrypoints", "send_mail"]
            await shown(pilot, lambda: line in cells(app, "overview"))
            await pilot.press("2")
            await pilot.press("p")
            await shown(pilot, lambda: cells(app, "entrypoints")[0][1] == "\N{EN DASH}")
            assert await paused() == []
