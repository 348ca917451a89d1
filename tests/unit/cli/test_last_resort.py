"""What is left behind when a worker has ended and its process does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, sys, threading
from datetime import timedelta
from pgqueuer.adapters.cli import last_resort
from pgqueuer.core.logconfig import LogLevel, setup_fancy_logger

setup_fancy_logger(LogLevel.INFO)
last_resort.GRACE = last_resort.LONG_GRACE = 0.1
last_resort.FOR_THE_REST = 0.1
resort = last_resort.LastResort(timedelta(0))


async def ignores():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("goes on", flush=True)


async def task():
    asyncio.create_task(ignores())
    await asyncio.sleep(0)


async def aborted_thread():
    threading.Thread(target=threading.Event().wait).start()
    resort.arm()


async def slow_thread():
    asyncio.get_running_loop().run_in_executor(None, thread)


def thread():
    threading.Event().wait(0.5)
    print("thread ended")


async def aborted_hang():
    resort.arm()
    await asyncio.Event().wait()


async def fails():
    raise SystemExit(7)

asyncio.run(resort.over(globals()[sys.argv[1]]()))
"""


def run(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("what", "code", "left"),
    [
        ("task", 1, "Left behind: 1 task(s)"),
        ("aborted_thread", 0, "Left behind: 0 task(s)"),
        ("aborted_hang", 1, "Left behind: 0 task(s)"),
    ],
)
def test_what_does_not_end_is_left_behind(what: str, code: int, left: str) -> None:
    ran = run(what)
    assert left in ran.stderr
    assert ran.returncode == code


def test_threads_of_a_worker_that_ended_well_are_waited_for() -> None:
    ran = run("slow_thread")
    assert ran.stdout == "thread ended\n"
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_exit_is_left_alone() -> None:
    assert run("fails").returncode == 7
