"""What opens over the views: a job, and a question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from pgqueuer.adapters.payload_text import render_payload
from pgqueuer.adapters.terminal.rows import printable
from pgqueuer.adapters.wording import count, word
from pgqueuer.domain.models import Job, Log
from pgqueuer.domain.types import JobId


class JobScreen(ModalScreen[str | None]):
    """A job with payload, headers, history and tracebacks.

    Its result is what to do with the job, "requeue" or "cancel"; None if it was only closed.
    """

    BINDINGS = [  # noqa: RUF012 - Textual's way
        ("r", "dismiss('requeue')", "Requeue"),
        ("c", "dismiss('cancel')", "Cancel"),
        ("escape,enter,q", "dismiss", "Close"),
    ]

    def __init__(self, job_id: JobId, job: Job | None, history: Sequence[Log]) -> None:
        super().__init__()
        self._told = printable(describe(job_id, job, history), lines=True)

    def compose(self) -> ComposeResult:
        """One text to scroll in."""
        with VerticalScroll(id="job"):
            yield Static(Text(self._told), id="told")


class ConfirmScreen(ModalScreen[bool]):
    """A question; only `y` is a yes."""

    BINDINGS = [  # noqa: RUF012 - Textual's way
        ("y", "dismiss(True)", "Yes"),
        ("n,escape,enter,q", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question and the keys."""
        yield Static(Text(f"{self._question}\n\ny: yes   n: no"), id="question")


def describe(job_id: JobId, job: Job | None, history: Sequence[Log]) -> str:
    """All that is known of a job; `history` is newest first."""
    parts = [f"Job {job_id}   Escape: close   r: requeue   c: cancel", *_of_row(job), "", "History"]
    parts += [f"  {_at(step.created)}  {word(step.status)}" for step in reversed(history)]
    for step in history:
        if step.traceback is not None:
            failure = step.traceback
            title = f"{failure.exception_type}: {failure.exception_message}"
            parts += ["", title, failure.traceback]
    return "\n".join(parts)


def _of_row(job: Job | None) -> list[str]:
    if job is None:
        return ["It has left the queue."]
    payload = render_payload(job.payload)
    return [
        f"{job.entrypoint}, {word(job.status)}, priority {job.priority}, attempts {job.attempts}",
        f"Created {_at(job.created)}",
        f"Not before {_at(job.execute_after)}",
        "",
        f"Payload ({payload.kind}, {count(payload.size)} bytes{', cut' if payload.cut else ''})",
        payload.text,
        "",
        "Headers",
        json.dumps(job.headers, indent=2, ensure_ascii=False, default=str),
    ]


def _at(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
