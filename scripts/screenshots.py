"""Make the pictures of the web page in docs/images: `python scripts/screenshots.py [FOLDER]`.

Needs Chromium; the queue in them is made up, on an embedded PostgreSQL.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import uvicorn
from playwright.async_api import Browser, FloatRect, ViewportSize, async_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pgqueuer import AsyncpgDriver, Queries  # noqa: E402
from pgqueuer.adapters import embedded  # noqa: E402
from pgqueuer.web import create_web_app  # noqa: E402
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
HIGHEST = 1400


@asynccontextmanager
async def served(dsn: str) -> AsyncGenerator[str]:
    """The address of the web page of the queue at `dsn`."""
    server = uvicorn.Server(uvicorn.Config(create_web_app(dsn), port=0, log_level="warning"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            raise RuntimeError("The web page did not start")
        await asyncio.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


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
    sys.stdout.write(f"{path}
")


async def main(folder: Path) -> None:
    """All pages, the overview on a phone and in the dark too."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
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
        async with served(server.dsn()) as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            for name, path in PAGES.items():
                await picture(browser, address + path, folder / f"web-{name}.png")
            await picture(browser, f"{address}/jobs/{failed.id}", folder / "web-job.png")
            await picture(browser, f"{address}/jobs/{picked[0].id}", folder / "web-job-running.png")
            await picture(browser, address, folder / "web-dark.png", dark=True)
            await picture(browser, address, folder / "web-phone.png", size=PHONE)
            await browser.close()
        await connection.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
