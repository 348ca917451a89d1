"""What an event loop is at, asked from another thread."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from pgqueuer.core.running import Run, current_run

_OURS: Final = f"{Path(__file__).parents[1]}{os.sep}"
_STANDARD: Final = (sysconfig.get_path("stdlib"), "<")
_PACKAGES: Final = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """Who has the event loop, if a handler has it, and the line of the program that runs."""

    job_id: int | None = None
    entrypoint: str | None = None
    place: str

    def __str__(self) -> str:
        if self.entrypoint is None:
            return f"code outside of handlers, {self.place},"
        if self.job_id is None:
            return f"schedule {self.entrypoint}, {self.place},"
        return f"job {self.job_id} of entrypoint {self.entrypoint}, {self.place},"


def find_culprit(loop: asyncio.AbstractEventLoop, thread: int) -> Culprit:
    """What `loop`, which runs in `thread`, is at now."""
    stack = list(_frames(sys._current_frames().get(thread)))
    run = _run_of(asyncio.current_task(loop), stack)
    place = _place(_within_handler(stack))
    if run is None:
        return Culprit(place=place)
    return Culprit(job_id=run.job_id, entrypoint=run.entrypoint, place=place)


def _frames(innermost: FrameType | None) -> Iterator[FrameType]:
    while innermost is not None:
        yield innermost
        innermost = innermost.f_back


def _run_of(task: asyncio.Task[object] | None, stack: list[FrameType]) -> Run | None:
    if sys.version_info >= (3, 12):
        return None if task is None else task.get_context().get(current_run)
    # There tasks keep their context to themselves, but the frame that set it is on the stack.
    return next((run for frame in stack if (run := _run_started_by(frame)) is not None), None)


def _run_started_by(frame: FrameType) -> Run | None:
    """The run that `frame` has set as the current one."""
    if frame.f_globals.get("current_run") is not current_run:
        return None
    run = frame.f_locals.get("this_run")
    return run if isinstance(run, Run) else None


def _within_handler(stack: list[FrameType]) -> list[FrameType]:
    """The part of `stack`, innermost first, that a handler called; all of it without a handler."""
    for depth, frame in enumerate(stack):
        if _run_started_by(frame) is not None:
            return stack[:depth]
    return stack


def _place(stack: list[FrameType]) -> str:
    """The innermost line of the program, else the outermost of a package, else the innermost."""
    foreign = [frame for frame in stack if _is_foreign(frame.f_code.co_filename)]
    program = [frame for frame in foreign if not frame.f_code.co_filename.startswith(_PACKAGES)]
    chosen = program[:1] or foreign[-1:] or stack[:1]
    if not chosen:
        return "in a place that can not be seen"
    (frame,) = chosen
    code = frame.f_code
    return f"in {code.co_name} at {code.co_filename}:{frame.f_lineno}"


def _is_foreign(path: str) -> bool:
    """Whether `path` is neither ours nor the standard library's, which packages may lie within."""
    if path.startswith(_OURS):
        return False
    return path.startswith(_PACKAGES) or not path.startswith(_STANDARD)
