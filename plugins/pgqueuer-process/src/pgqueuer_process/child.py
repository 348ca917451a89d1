"""The process that runs functions, one after another.

A new interpreter, not a fork: it has none of the worker's threads, connections and locks. Requests
come in where standard input was and answers go out where standard output was, each a pickle with
its length in front. What the function prints goes to standard error.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import select
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO

from pgqueuer_process.errors import MemoryLimitExceeded

LENGTH = struct.Struct("!Q")
READY = b"!"


def main() -> None:
    """Serve until the worker closes the pipe or is gone."""
    memory_limit = int(sys.argv[1])
    requests, answers = _take_pipes()
    faulthandler.enable()
    threading.Thread(target=_die_with_worker, args=(requests.fileno(),), daemon=True).start()
    answers.write(READY)
    answers.flush()
    while (request := _read(requests)) is not None:
        answer = _answer(request, memory_limit)
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _die_with_worker(descriptor: int) -> None:
    """A job whose worker is gone runs again elsewhere; here it would compute for nobody."""
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else None


def _answer(request: bytes, memory_limit: int) -> bytes:
    """The pickled exception of the function, or None."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        # Unpickling imports the module of the function, which is part of what it takes.
        function: Callable[[], object] = pickle.loads(request)  # noqa: S301 - from the worker
        if memory_limit:
            resource.setrlimit(resource.RLIMIT_AS, (memory_limit, before[1]))
        function()
    except Exception as error:
        resource.setrlimit(resource.RLIMIT_AS, before)
        if memory_limit and isinstance(error, MemoryError):
            return _portable(_too_much(error, memory_limit), error)
        return _portable(error, error)
    resource.setrlimit(resource.RLIMIT_AS, before)
    return pickle.dumps(None)


def _too_much(error: MemoryError, memory_limit: int) -> MemoryLimitExceeded:
    said = f": {error}" if str(error) else ""
    return MemoryLimitExceeded(
        f"The function needs more than memory_limit, {memory_limit} bytes{said}"
    )


def _portable(sent: Exception, raised: Exception) -> bytes:
    """`sent` with the traceback as a note; a stand-in for what does not survive the pipe."""
    note = "In the other process:\n" + "".join(traceback.format_exception(raised))
    sent.add_note(note)
    try:
        pickled = pickle.dumps(sent)
        pickle.loads(pickled)  # noqa: S301 - our own bytes
    except Exception:
        stand_in = RuntimeError(f"{type(sent).__name__}: {sent}")
        stand_in.add_note(note)
        return pickle.dumps(stand_in)
    return pickled
