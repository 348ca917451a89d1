"""Handlers that leave a line in the file that the payload names.

They stand at the top of a module, so that executors which call them in another process find them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgqueuer.domain.models import Context, Job
from pgqueuer.testing.samples import HandlerError, make_retry

PATIENCE = 20.0
"""Seconds to wait for what should come at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """One function for each thing that a handler may do."""

    succeed: Callable[[Job], Any]
    fail: Callable[[Job], Any]
    ask_for_retry: Callable[[Job], Any]
    meet: Callable[[Job], Any]
    hang: Callable[[Job], Any]
    use_context: Callable[[Job, Context], Any]


def lines(path: Path) -> list[str]:
    """What handlers left in the file."""
    return path.read_text().splitlines() if path.exists() else []


def place(job: Job) -> Path:
    """The file that the job names."""
    return Path((job.payload or b"").decode())


def succeed(job: Job) -> str:
    with place(job).open("a") as file:
        file.write(f"{job.id}\n")
    return "a result that nobody wants"


def fail(job: Job) -> None:
    succeed(job)
    raise HandlerError("on purpose")


def ask_for_retry(job: Job) -> None:
    raise make_retry()


def meet(job: Job) -> None:
    """Return when another job has come to the same place."""
    succeed(job)
    end = time.monotonic() + PATIENCE
    while len(lines(place(job))) < 2:
        if time.monotonic() > end:
            raise TimeoutError("The other job did not run at the same time")
        time.sleep(0.01)


def hang(job: Job) -> None:
    """Return when somebody removes the file."""
    succeed(job)
    while place(job).exists():
        time.sleep(0.01)


def use_context(job: Job, context: Context) -> None:
    place(job).write_text(str(context.resources["mark"]))


async def succeed_async(job: Job) -> str:
    return succeed(job)


async def fail_async(job: Job) -> None:
    fail(job)


async def ask_for_retry_async(job: Job) -> None:
    ask_for_retry(job)


async def meet_async(job: Job) -> None:
    """Return when another job has come to the same place."""
    succeed(job)
    async with asyncio.timeout(PATIENCE):
        while len(lines(place(job))) < 2:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)


async def hang_async(job: Job) -> None:
    """Never return; leave another line when canceled."""
    succeed(job)
    try:
        await asyncio.Event().wait()
    finally:
        succeed(job)


async def use_context_async(job: Job, context: Context) -> None:
    use_context(job, context)


BLOCKING = Handlers(
    succeed=succeed,
    fail=fail,
    ask_for_retry=ask_for_retry,
    meet=meet,
    hang=hang,
    use_context=use_context,
)
ASYNC = Handlers(
    succeed=succeed_async,
    fail=fail_async,
    ask_for_retry=ask_for_retry_async,
    meet=meet_async,
    hang=hang_async,
    use_context=use_context_async,
)
