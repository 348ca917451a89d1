"""How far the benchmark is, on stderr: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class ProgressBar:
    """Counts runs."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[bold]{task.description}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("")
        self._total = 0
        self._done = 0

    @contextmanager
    def of(self, total: int) -> Iterator[None]:
        """Show it while the runs last."""
        self._total = total
        self._progress.update(self._task, total=total)
        with self._progress:
            yield

    def begin(self, what: str) -> None:
        """Tell what runs now."""
        self._progress.update(self._task, description=what)
        if not self._console.is_terminal:
            print(f"{self._done + 1} of {self._total}: {what}", file=sys.stderr, flush=True)

    def end(self, problem: str) -> None:
        """Count the run, and tell what was wrong with it."""
        self._done += 1
        self._progress.advance(self._task)
        if problem:
            self._console.print(problem, style="red", highlight=False, markup=False)
