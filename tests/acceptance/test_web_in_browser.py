"""The web page as a person uses it, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Dialog, Page, expect

from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.models import CronExpressionEntrypoint, TracebackRecord
from pgqueuer.domain.types import CronEntrypoint, CronExpression
from pgqueuer.queries import Queries
from pgqueuer.web import create_web_app
from tests.support.browser import find_chromium, opened_browser, served
from tests.support.sample_queue import fill

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

PAGES = ("Overview", "Entrypoints", "Jobs", "Failures", "Workers", "Schedules", "System")
ATTACK = "'\"><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
PATIENCE = 30_000
"""Milliseconds."""

expect.set_options(timeout=PATIENCE)


class Watched:
    """A page, and everything that it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                self.complaints.append(f"asks {request.url}")
                if "127.0.0.1" not in request.url
                else None
            ),
        )


@pytest.fixture
async def queries(queue_dsn: str) -> AsyncIterator[Queries]:
    connection = await asyncpg.connect(queue_dsn)
    yield Queries(AsyncpgDriver(connection))
    await connection.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    assert CHROMIUM is not None
    async with opened_browser(CHROMIUM) as opened:
        yield opened


@pytest.fixture
async def address(queue_dsn: str) -> AsyncIterator[str]:
    async with served(create_web_app(queue_dsn)) as url:
        yield url


@pytest.fixture
async def watched(browser: Browser, address: str) -> AsyncIterator[Watched]:
    page = await browser.new_page(base_url=address)
    watched = Watched(page)
    yield watched
    await page.close()
    assert watched.complaints == []


async def visit(page: Page, path: str) -> None:
    await page.goto(path)
    await expect(page.locator("#connection")).to_have_text(re.compile("Live|^$"))


async def test_every_page_is_reached_by_keyboard_and_read_without_errors(
    watched: Watched, queries: Queries
) -> None:
    await fill(queries, history=timedelta(hours=1))
    page = watched.page
    await visit(page, "/")
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()

    for title in PAGES:
        link = page.get_by_role("navigation", name="Pages").get_by_role("link", name=title)
        await link.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await expect(link).to_have_attribute("aria-current", "page")


async def test_a_change_shows_without_reloading(watched: Watched, queries: Queries) -> None:
    page = watched.page
    await visit(page, "/jobs")
    await expect(page.get_by_text("No job fits.")).to_be_visible()
    await page.evaluate("window.stayed = true")

    await queries.enqueue("send_mail", None)

    await expect(page.get_by_role("table").get_by_role("link", name="send_mail")).to_be_visible()
    assert await page.evaluate("window.stayed")


async def test_a_held_job_is_found_looked_at_and_requeued(
    watched: Watched, queries: Queries
) -> None:
    await fill(queries, history=timedelta(0))
    (job, *_) = await queries.list_failed_jobs(1)
    page = watched.page
    await visit(page, "/")
    await page.get_by_label("Job number").fill(str(job.id))
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {job.id}")
    await page.get_by_text("Traceback", exact=True).click()
    await expect(page.get_by_text("Traceback (most recent call last)")).to_be_visible()
    await page.get_by_role("button", name="Requeue").click()

    await expect(page.get_by_role("alert")).to_have_text("Requeued.")
    await expect(page.locator(".lead .badge")).to_have_text("queued")
    assert job.id not in {each.id for each in await queries.list_failed_jobs()}


async def test_a_job_is_canceled_only_when_that_is_confirmed(
    watched: Watched, queries: Queries
) -> None:
    (job_id,) = await queries.enqueue("send_mail", b"hello")
    page = watched.page
    await visit(page, f"/jobs/{job_id}")
    answers = iter([False, True])

    async def answer(dialog: Dialog) -> None:
        await (dialog.accept() if next(answers) else dialog.dismiss())

    page.on("dialog", answer)
    await page.get_by_role("button", name="Cancel").click()
    assert len(await queries.browse_queue()) == 1
    await page.get_by_role("button", name="Cancel").click()

    await expect(page.get_by_text("It has left the queue")).to_be_visible()
    assert await queries.browse_queue() == []


async def test_chosen_jobs_and_groups_are_requeued(watched: Watched, queries: Queries) -> None:
    await fill(queries, history=timedelta(0))
    page = watched.page
    page.on("dialog", lambda dialog: dialog.accept())
    await visit(page, "/failures")
    held = page.get_by_role("region", name="Held jobs")
    await held.get_by_role("checkbox").nth(1).check()
    await held.get_by_role("checkbox").nth(2).check()
    await page.get_by_role("button", name="Requeue the chosen").click()
    await expect(held.get_by_role("row")).to_have_count(8 - 2 + 1)

    groups = page.get_by_role("region", name="Failures by exception")
    await groups.get_by_role("button").first.click()
    await expect(held.get_by_role("row")).not_to_have_count(8 - 2 + 1)
    await held.get_by_label("All held jobs shown").check()
    await page.get_by_role("button", name="Requeue the chosen").click()

    await expect(page.get_by_text("No job is held.")).to_be_visible()
    assert await queries.list_failed_jobs() == []


async def test_a_choice_survives_the_next_refresh(watched: Watched, queries: Queries) -> None:
    await fill(queries, history=timedelta(0))
    page = watched.page
    await visit(page, "/jobs?status=failed")
    box = page.get_by_role("table").get_by_role("checkbox").nth(3)
    await box.check()
    rows = await page.get_by_role("row").count()
    (newest, *_) = await queries.list_failed_jobs(1)

    await queries.requeue_jobs([newest.id])

    await expect(page.get_by_role("row")).to_have_count(rows - 1)
    await expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)


async def test_the_focus_stays_in_its_row_when_rows_come(
    watched: Watched, queries: Queries
) -> None:
    _, middle, _ = await queries.enqueue(["send_mail"] * 3, [None] * 3, [0] * 3)
    page = watched.page
    await visit(page, "/jobs")
    number = page.get_by_role("link", name=str(middle), exact=True)
    row = page.get_by_role("row").filter(has=number)
    await row.get_by_role("link", name="send_mail").focus()

    await queries.enqueue(["send_mail"] * 2, [None] * 2, [0] * 2)

    await expect(page.get_by_role("row")).to_have_count(1 + 5)
    await expect(row.get_by_role("link", name="send_mail")).to_be_focused()


async def test_schedules_are_paused_resumed_and_run(watched: Watched, queries: Queries) -> None:
    key = CronExpressionEntrypoint(CronEntrypoint("tick"), CronExpression("0 3 * * *"))
    await queries.insert_schedule({key: timedelta(hours=1)})
    page = watched.page
    await visit(page, "/schedules")

    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator(".badge.paused")).to_be_visible()
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_text("waiting")).to_be_visible()
    await page.get_by_role("button", name="Run now").click()
    await expect(page.get_by_role("alert")).to_contain_text("half a minute")

    assert (await queries.peek_schedule())[0].next_run <= await queries.database_time()


async def test_an_entrypoint_is_paused_and_resumed(watched: Watched, queries: Queries) -> None:
    await queries.enqueue(["send/mail", "bill"], [None, None])
    page = watched.page
    await visit(page, "/entrypoints")

    await page.get_by_role("button", name="Pause: send/mail").click()
    await expect(page.get_by_role("alert")).to_contain_text("Paused.")
    await expect(page.locator(".badge.paused")).to_have_count(1)
    assert [pause.entrypoint for pause in await queries.paused_entrypoints()] == ["send/mail"]
    await visit(page, "/")
    await page.get_by_role("definition").get_by_title("send/mail").click()
    await page.get_by_role("button", name="Resume: send/mail").click()

    await expect(page.get_by_role("button", name="Pause:")).to_have_count(2)
    assert await queries.paused_entrypoints() == []


async def test_jobs_are_filtered(watched: Watched, queries: Queries) -> None:
    await queries.enqueue(["mail", "bill"], [b"to Ann", b"for Bob"], [0, 0])
    page = watched.page
    await visit(page, "/jobs")
    await page.get_by_label("Search").fill("Bob")
    await page.get_by_role("button", name="Show").click()

    await expect(page.get_by_role("table").get_by_role("link", name="bill")).to_be_visible()
    await expect(page.get_by_role("table").get_by_role("link", name="mail")).to_have_count(0)


async def test_what_an_attacker_enqueues_stays_text(watched: Watched, queries: Queries) -> None:
    await queries.enqueue(ATTACK, ATTACK.encode(), headers={ATTACK: ATTACK})
    (job,) = await queries.browse_queue()
    error = type(ATTACK.replace("\0", ""), (Exception,), {})(ATTACK)
    record = TracebackRecord.from_exception(error, job.id, {ATTACK: ATTACK})
    await queries.log_jobs([(job, "failed", record)])
    key = CronExpressionEntrypoint(CronEntrypoint(ATTACK), CronExpression("* * * * *"))
    await queries.insert_schedule({key: timedelta(minutes=1)})
    page = watched.page

    for path in ("/", "/entrypoints", "/jobs?status=failed", "/failures", "/schedules", "/workers"):
        await visit(page, path)
        assert "owned" not in await page.title()
        assert await page.locator("main img, main script").count() == 0
    await visit(page, f"/jobs/{job.id}")
    assert "owned" not in await page.title()
    await expect(page.locator("pre").first).to_contain_text(ATTACK)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_on_a_phone_nothing_is_wider_than_the_screen(
    browser: Browser, address: str, queries: Queries, dark: bool
) -> None:
    await fill(queries, history=timedelta(hours=1))
    (job_id,) = await queries.enqueue(
        "x" * 120, b"y" * 500, headers={"z" * 200: "z" * 200}, priority=2**31 - 1
    )
    page = await browser.new_page(
        base_url=address,
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if dark else "light",
    )
    paths = ["/" if title == "Overview" else f"/{title.lower()}" for title in PAGES]
    for path in [*paths, f"/jobs/{job_id}"]:
        await page.goto(path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert (brightness < 128) == dark


async def test_a_hundred_thousand_jobs_are_shown_a_page_at_a_time(
    watched: Watched, queries: Queries
) -> None:
    await queries.driver.execute(
        """
        INSERT INTO pgqueuer (priority, created, updated, execute_after, status, entrypoint)
        SELECT 0, now(), now(), now(), 'queued', 'mail_' || n % 50 FROM generate_series(1, 100000) n
        """
    )
    await queries.driver.execute(
        """
        INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint)
        SELECT n, 'queued', 0, 'mail_' || n % 50 FROM generate_series(1, 100000) n
        """
    )
    page = watched.page

    await visit(page, "/")
    await expect(page.locator(".cards").get_by_text("100,000")).to_be_visible()
    for title in ("Entrypoints", "Failures", "Workers", "System", "Jobs"):
        await page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await expect(page.get_by_role("row")).to_have_count(51)
    await page.get_by_role("link", name="Older").click()
    await expect(page.get_by_text("Page 2")).to_be_visible()


async def test_pages_keep_to_the_rules_of_accessibility_in_light_and_dark(
    watched: Watched, queries: Queries
) -> None:
    (running, *_) = await fill(queries, history=timedelta(hours=1))
    (held, *_) = await queries.list_failed_jobs(1)
    page = watched.page
    colors = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
    paths = ["/" if title == "Overview" else f"/{title.lower()}" for title in PAGES]

    for path in [*paths, "/jobs?status=failed&search=4", f"/jobs/{held.id}", f"/jobs/{running.id}"]:
        await visit(page, path)
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found = await Axe().run(page, options=colors)
        assert found.violations_count == 0, f"{path} in the dark: {found.generate_report()}"
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")


async def test_a_page_stays_as_it_is_while_text_is_marked(
    watched: Watched, queries: Queries
) -> None:
    (job_id,) = await queries.enqueue("send_mail", b"to be copied")
    assert job_id is not None
    page = watched.page
    await visit(page, f"/jobs/{job_id}")
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('pre'))")

    await queries.mark_job_as_cancelled([job_id])

    await expect(page.locator("#connection")).to_have_text("Waits while you choose")
    assert await page.evaluate("getSelection().toString()") == "to be copied"
    await page.evaluate("getSelection().removeAllRanges()")
    await expect(page.get_by_text("It has left the queue")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/json", '{"detail": "Give numbers"}', "Give numbers"),
        ("text/html", "<main><h1>No answer</h1><p>Try again</p></main>", "No answer. Try again"),
        ("text/html", "<html></html>", "The server answered 503"),
    ],
)
async def test_a_refusal_is_told_in_words(
    watched: Watched, queries: Queries, kind: str, body: str, said: str
) -> None:
    (job_id,) = await queries.enqueue("send_mail", None)
    page = watched.page
    page.on("dialog", lambda dialog: dialog.accept())
    await visit(page, f"/jobs/{job_id}")
    await page.route(
        "**/cancel", lambda route: route.fulfill(status=503, content_type=kind, body=body)
    )

    await page.get_by_role("button", name="Cancel").click()

    await expect(page.get_by_role("alert")).to_have_text(said)
    watched.complaints = [each for each in watched.complaints if "503" not in each]


async def test_a_database_that_is_away_is_told_and_comes_back(
    watched: Watched, queries: Queries
) -> None:
    page = watched.page
    await visit(page, "/jobs")
    await page.route("**/partials/**", lambda route: route.abort())
    await expect(page.locator("#connection")).to_contain_text("Not reachable")
    await page.unroute("**/partials/**")
    await queries.enqueue("send_mail", None)
    await expect(page.locator("#connection")).to_have_text("Live")
    watched.complaints = [each for each in watched.complaints if "ERR_FAILED" not in each]
