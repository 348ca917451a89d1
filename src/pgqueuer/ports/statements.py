"""How long a statement may take, from whoever sends it to the driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_seconds: ContextVar[float | None] = ContextVar("pgqueuer_statement_seconds", default=None)


@contextmanager
def statements_within(seconds: float | None) -> Iterator[None]:
    """Bound each statement that the block sends; None and 0 leave the bound as it is.

    Of bounds inside each other the shortest counts.
    """
    around = _seconds.get()
    if not seconds:
        seconds = around
    elif around is not None:
        seconds = min(seconds, around)
    token = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(token)


def statement_seconds() -> float | None:
    """How long the statement that is to be sent now may take; None for as long as it likes.

    A driver that keeps to it cancels the statement then and raises StatementTimeoutError. A
    connection on which the cancellation has no effect is given up: its server has vanished.
    """
    return _seconds.get()


_no_trace: ContextVar[bool] = ContextVar("pgqueuer_statements_leave_no_trace", default=False)


@contextmanager
def leaving_no_trace() -> Iterator[None]:
    """Say of the statements of the block that they leave their session as it was.

    That is to say without settings, session locks, cursors or listeners of theirs.
    """
    token = _no_trace.set(True)
    try:
        yield
    finally:
        _no_trace.reset(token)


def leaves_no_trace() -> bool:
    """Whether the statement that is to be sent now leaves its session as it was.

    A driver over a pool that cleans its sessions can do without it then.
    """
    return _no_trace.get()
