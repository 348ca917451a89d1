"""Functions that run in another process, which imports them by name."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pgqueuer import Job, RetryRequested


@dataclass
class Words:
    path: str
    words: list[str]


class OddError(Exception):
    """Can be pickled, but not made again from its arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def write_pid(job: Job) -> None:
    """Leave the number of this process in the file that the payload names."""
    Path((job.payload or b"").decode()).write_text(str(os.getpid()))


def fail(job: Job) -> None:
    raise ValueError("no such thing")


def fail_oddly(job: Job) -> None:
    raise OddError("no such", "thing")


def ask_for_retry(job: Job) -> None:
    if job.attempts == 0:
        raise RetryRequested(reason="not yet")


def die_of_bad_payload(job: Job) -> None:
    """Kill the process when the payload says so, otherwise take a moment."""
    if job.payload == b"bad":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)


def write_pid_and_hang(job: Job) -> None:
    write_pid(job)
    time.sleep(600)


def write_words(words: Words) -> None:
    """Leave the words in the file, so that another process can be seen to know them."""
    Path(words.path).write_text(" ".join(words.words))
