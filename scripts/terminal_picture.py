"""Make docs/images/terminal.svg: `python scripts/terminal_picture.py [FILE]`.

The queue in it is made up, on an embedded PostgreSQL.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pgqueuer.adapters import embedded  # noqa: E402
from pgqueuer.adapters.terminal.app import Dashboard  # noqa: E402
from tests.support.sample_queue import fill  # noqa: E402
from tests.support.terminal import job_table, opener, shown  # noqa: E402

# Pages load nothing from other hosts; readers see the monospaced font that they have.
FONT_OF_OTHERS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


async def main() -> str:
    """The view of jobs."""
    with (
        tempfile.TemporaryDirectory() as place,
        embedded.start(Path(place) / "server") as server,
    ):
        async with opener(server.dsn())() as queries:
            await queries.install()
            await fill(queries)
        app = Dashboard(opener(server.dsn()))
        async with app.run_test(size=(110, 30)) as pilot:
            await pilot.press("3")
            await shown(pilot, lambda: job_table(app).row_count > 0)
            await pilot.pause()
            return FONT_OF_OTHERS.sub("", app.export_screenshot(title="pgq dashboard"))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "terminal.svg"
    target.write_text(asyncio.run(main()))
