"""Functions that other processes import."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

from pgqueuer import Job


def run(job: Job) -> None:
    """Does what the payload says."""
    verb, _, argument = (job.payload or b"").decode().partition(" ")
    DOES[verb](argument)


def write_pid(path: str) -> None:
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")


def fail(text: str) -> None:
    raise ValueError(text)


def fail_unportably(_: str) -> None:
    class Local(Exception): ...

    raise Local("it is mine")


def hang(path: str) -> None:
    grandchild = subprocess.Popen(["sleep", "3600"])
    with open(path + ".new", "w") as file:
        file.write(f"{os.getpid()} {grandchild.pid}")
    os.rename(path + ".new", path)
    time.sleep(3600)


DOES = {
    "pid": write_pid,
    "fail": fail,
    "unportable": fail_unportably,
    "hang": hang,
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda _: ctypes.string_at(0),
    "_exit": lambda code: os._exit(int(code)),
    "exit": lambda code: sys.exit(int(code)),
    "allocate": lambda size: bytearray(int(size)),
    "print": print,
}


async def asynchronous(job: Job) -> None: ...
