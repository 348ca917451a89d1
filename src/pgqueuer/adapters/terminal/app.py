"""The live view: tabs, keys, and a refresh that outlives the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from rich.text import Text
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from pgqueuer.adapters.cli.failures import explain
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.adapters.terminal import entrypoints, jobs, overview, schedules, workers
from pgqueuer.adapters.terminal.rows import Row, View, printable
from pgqueuer.adapters.terminal.screens import ConfirmScreen, JobScreen
from pgqueuer.adapters.terminal.source import Opener, Source
from pgqueuer.core.insights import InsightsService
from pgqueuer.domain.models import Job, Log, utc_now
from pgqueuer.domain.types import JobId

T = TypeVar("T")

VIEWS: Final = (overview.VIEW, entrypoints.VIEW, jobs.VIEW, workers.VIEW, schedules.VIEW)
REFRESH_SECONDS: Final = 2.0


class Dashboard(App[None]):
    """Shows one view at a time and asks for it anew every two seconds."""

    TITLE = "PgQueuer"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #tabs, #tabs ContentSwitcher, #tabs DataTable { height: 1fr; }
    #status { height: 1; padding: 0 1; color: $text-muted; }
    #filter { display: none; }
    JobScreen, ConfirmScreen { align: center middle; }
    #job { width: 90%; height: 90%; border: round $primary; padding: 0 1; background: $surface; }
    #told { height: auto; }
    #question { width: auto; height: auto; border: round $warning; padding: 1 2; }
    """
    BINDINGS = [  # noqa: RUF012 - Textual's way
        *[
            Binding(str(n), f"view('{view.name}')", view.title, show=False)
            for n, view in enumerate(VIEWS, 1)
        ],
        Binding("escape", "leave_filter", "Leave the filter", show=False),
        ("slash", "filter", "Filter"),
        ("r", "requeue", "Requeue"),
        ("c", "cancel", "Cancel"),
        ("p", "pause", "Pause/resume"),
        ("q", "quit", "Quit"),
    ]

    def __init__(self, opener: Opener, *, every: float = REFRESH_SECONDS) -> None:
        super().__init__()
        self._source = Source(opener)
        self._every = every
        self._wanted: str | None = None
        self._rows: dict[str, dict[str, Row]] = {}
        self._wake = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Tabs with a table each, the filter and one line of news."""
        with TabbedContent(id="tabs"):
            for number, view in enumerate(VIEWS, 1):
                with TabPane(f"{number} {view.title}", id=view.name):
                    yield DataTable[Text](id=f"{view.name}-table", cursor_type="row")
        yield Input(placeholder="Entrypoint; empty shows all", id="filter")
        yield Static("Connecting", id="status", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to refresh."""
        for view in VIEWS:
            for title in view.columns:
                self._table(view).add_column(_aligned(title, right=title in view.numbers))
        self._table(VIEWS[0]).focus()
        self._keep_showing()

    async def on_unmount(self) -> None:
        """Leave the database."""
        await self._source.close()

    @work
    async def _keep_showing(self) -> None:
        with suppress(NoMatches):  # an app that ends loses its parts before its workers
            while True:
                await self._show_anew()

    async def _show_anew(self) -> None:
        self._wake.clear()
        view = self._view()
        rows = await self._ask(partial(self._gather, view))
        if rows is not None and view is self._view():
            self._show(view, rows)
            chosen = f"   Only {self._wanted}." if self._wanted else ""
            self._tell(f"{utc_now():%H:%M:%S} UTC{chosen}{'' if rows else '   ' + view.empty}")
        with suppress(TimeoutError):  # it is time for the next look
            await asyncio.wait_for(self._wake.wait(), self._every)

    async def _gather(self, view: View, queries: Queries) -> list[Row]:
        return await view.gather(InsightsService(queries), self._wanted)

    async def _ask(self, question: Callable[[Queries], Awaitable[T]]) -> T | None:
        """What it returns; a failure is told in a line, and None returned."""
        try:
            return await self._source.ask(question)
        except Exception as error:
            self._tell(f"{explain(error)} The view goes on trying.")
            return None

    def _main(self) -> Screen[Any]:
        if not self.screen_stack:
            raise NoMatches("The app has ended.")
        return self.screen_stack[0]

    def _tell(self, line: str) -> None:
        self._main().query_one("#status", Static).update(printable(line))

    def _view(self) -> View:
        active = self._main().query_one("#tabs", TabbedContent).active
        return next((view for view in VIEWS if view.name == active), VIEWS[0])

    def _table(self, view: View) -> DataTable[Text]:
        return self._main().query_one(f"#{view.name}-table", DataTable)

    def _show(self, view: View, rows: list[Row]) -> None:
        """Put the rows into the table; the cursor stays at its row if that is still there."""
        table = self._table(view)
        chosen, place = self._chosen_key(table), table.cursor_row
        table.clear()
        by_key = self._rows[view.name] = {row.key: row for row in rows}
        for row in by_key.values():
            cells = zip(view.columns, row.cells, strict=True)
            table.add_row(
                *(_aligned(cell, row.style, right=title in view.numbers) for title, cell in cells),
                key=row.key,
            )
        table.move_cursor(row=list(by_key).index(chosen) if chosen in by_key else place)

    @staticmethod
    def _chosen_key(table: DataTable[Text]) -> str:
        if not table.is_valid_row_index(table.cursor_row):
            return ""
        return table.ordered_rows[table.cursor_row].key.value or ""

    def _chosen_row(self) -> Row | None:
        view = self._view()
        return self._rows.get(view.name, {}).get(self._chosen_key(self._table(view)))

    def _chosen_job(self) -> JobId | None:
        row = self._chosen_row()
        return None if row is None else row.job_id

    def action_view(self, name: str) -> None:
        """Go to a tab."""
        self.query_one("#tabs", TabbedContent).active = name

    @on(TabbedContent.TabActivated)
    def _view_changed(self) -> None:
        if not self.query_one("#filter", Input).has_focus:
            self._table(self._view()).focus()
        self._wake.set()

    def action_filter(self) -> None:
        """Ask for the entrypoint to show."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_leave_filter(self) -> None:
        """Leave the filter as it was."""
        field = self.query_one("#filter", Input)
        field.value = self._wanted or ""
        field.display = False
        self._table(self._view()).focus()

    @on(Input.Submitted, "#filter")
    def _filter_chosen(self, event: Input.Submitted) -> None:
        self._wanted = event.value.strip() or None
        self.action_leave_filter()
        self._wake.set()

    @on(DataTable.RowSelected)
    @work
    async def _open_job(self) -> None:
        if (job_id := self._chosen_job()) is None:
            return
        found = await self._ask(partial(_look, job_id))
        if found is None:
            return
        wish = await self.push_screen_wait(JobScreen(job_id, *found))
        if wish == "requeue":
            await self._requeue(job_id)
        elif wish == "cancel":
            await self._cancel(job_id)

    @work
    async def action_requeue(self) -> None:
        """Put the chosen job back, if it is held."""
        if (job_id := self._chosen_job()) is not None:
            await self._requeue(job_id)

    @work
    async def action_cancel(self) -> None:
        """Cancel the chosen job, once it is confirmed."""
        if (job_id := self._chosen_job()) is not None:
            await self._cancel(job_id)

    async def _requeue(self, job_id: JobId) -> None:
        await self._change(
            lambda queries: queries.requeue_failed([job_id]),
            f"Job {job_id} is back in the queue.",
            f"Job {job_id} is not held; only held jobs can be requeued.",
        )

    @work
    async def action_pause(self) -> None:
        """Resume the chosen entrypoint if it is paused, else pause it, once that is confirmed."""
        row = self._chosen_row()
        if row is None or row.paused is None:
            return
        name = row.key
        if row.paused:
            await self._change(
                lambda queries: queries.resume_entrypoints(name),
                f"{name} is resumed.",
                f"{name} is not paused any more.",
            )
        elif await self.push_screen_wait(
            ConfirmScreen(f"Pause {printable(name)}? Its jobs wait until it is resumed.")
        ):
            await self._change(
                lambda queries: queries.pause_entrypoints(name),
                f"{name} is paused; its jobs that run go on to their end.",
                f"{name} was paused already.",
            )

    async def _cancel(self, job_id: JobId) -> None:
        question = f"Cancel job {job_id}? It is deleted, and its handler asked to stop."
        if await self.push_screen_wait(ConfirmScreen(question)):
            await self._change(
                lambda queries: queries.cancel_jobs([job_id]),
                f"Job {job_id} is canceled.",
                f"Job {job_id} has left the queue already.",
            )

    async def _change(
        self, change: Callable[[Queries], Awaitable[int]], done: str, too_late: str
    ) -> None:
        try:
            changed = await self._source.ask(change)
        except Exception as error:
            self.notify(printable(explain(error)), severity="error", markup=False)
        else:
            self.notify(printable(done if changed else too_late), markup=False)
        self._wake.set()


async def _look(job_id: JobId, queries: Queries) -> tuple[Job | None, list[Log]]:
    insights = InsightsService(queries)
    return await insights.job(job_id), await insights.job_history(job_id)


def _aligned(value: object, style: str = "", *, right: bool) -> Text:
    return Text(printable(value), style, justify="right" if right else "left")
