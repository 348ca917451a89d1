"""The live view over a database, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import asyncpg
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from pgqueuer.adapters.terminal.app import Dashboard
from pgqueuer.adapters.terminal.source import Opener
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


def opener(dsn: str) -> Opener:
    """Connects to the database anew each time."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Queries]:
        connection = await asyncpg.connect(dsn)
        try:
            yield Queries(AsyncpgDriver(connection))
        finally:
            await connection.close(timeout=5)

    return opened


async def shown(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Until the screen is as it should be; TimeoutError after half a minute."""
    async with asyncio.timeout(30):
        while not condition():
            await pilot.pause(0.02)
        await pilot.pause()  # a screen that has just come does not know its keys yet


def table(app: Dashboard, view: str) -> DataTable[Text]:
    """The table of a view."""
    return app.screen_stack[0].query_one(f"#{view}-table", DataTable)


def job_table(app: Dashboard) -> DataTable[Text]:
    """The table of jobs."""
    return table(app, "jobs")


def cells(app: Dashboard, view: str) -> list[list[str]]:
    """What a view shows, row by row."""
    shown_table = table(app, view)
    return [
        [str(cell) for cell in shown_table.get_row_at(index)]
        for index in range(shown_table.row_count)
    ]


def status_line(app: Dashboard) -> str:
    """The line of news."""
    return str(app.screen_stack[0].query_one("#status", Static).content)


def told(app: Dashboard) -> list[str]:
    """What was announced beside the view, oldest first."""
    return [each.message for each in app._notifications]
