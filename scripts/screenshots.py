"""Make the pictures of the web page in docs/images: `python scripts/screenshots.py [FOLDER]`.

Needs Chromium; the queue in them is made up, on an embedded PostgreSQL.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import asyncpg
from playwright.async_api import Browser, FloatRect, ViewportSize

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pgqueuer import AsyncpgDriver, Queries  # noqa: E402
from pgqueuer.adapters import embedded  # noqa: E402
from pgqueuer.web import create_web_app  # noqa: E402
from tests.support.browser import find_chromium, opened_browser, served  # noqa: E402
from tests.support.sample_queue import fill  # noqa: E402

PAGES = {
    "overview": "/",
    "entrypoints": "/entrypoints",
    "jobs": "/jobs",
    "failures": "/failures",
    "workers": "/workers?stale_after=0",
    "schedules": "/schedules",
    "system": "/system",
}
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
HIGHEST = 1000


async def picture(
    browser: Browser,
    url: str,
    path: Path,
    *,
    size: ViewportSize = DESK,
    dark: bool = False,
) -> None:
    """Save the page at `url`, as high as it is, up to a limit."""
    page = await browser.new_page(viewport=size, color_scheme="dark" if dark else "light")
    answer = await page.goto(url)
    if answer is None or not answer.ok:
        raise RuntimeError(f"{url} is not well: {answer and await answer.text()}")
    height = await page.evaluate("document.documentElement.scrollHeight")
    shown = FloatRect(x=0, y=0, width=size["width"], height=min(height, HIGHEST))
    await page.screenshot(path=path, clip=shown, full_page=True)
    await page.close()
    sys.stdout.write(f"{path}\n")


async def main(folder: Path) -> None:
    """All pages, the overview on a phone and in the dark too."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is not installed.")
    with (
        tempfile.TemporaryDirectory() as place,
        embedded.start(Path(place) / "server") as server,
    ):
        connection = await asyncpg.connect(server.dsn())
        queries = Queries(AsyncpgDriver(connection))
        await queries.install()
        picked = await fill(queries)
        (failed, *_) = await queries.list_failed_jobs(1)
        async with (
            served(create_web_app(server.dsn())) as address,
            opened_browser(chromium) as browser,
        ):
            for name, path in PAGES.items():
                await picture(browser, address + path, folder / f"web-{name}.png")
            await picture(browser, f"{address}/jobs/{failed.id}", folder / "web-job.png")
            await picture(browser, f"{address}/jobs/{picked[0].id}", folder / "web-job-running.png")
            await picture(browser, address, folder / "web-dark.png", dark=True)
            await picture(browser, address, folder / "web-phone.png", size=PHONE)
        await connection.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
