"""Deadlines of statements on a psycopg connection."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from psycopg import AsyncConnection, Error

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.errors import StatementTimeoutError
from pgqueuer.ports.statements import statement_seconds

CANCEL_SECONDS: Final = 2.0
"""How long a server that is still there may take to cancel a statement."""


@contextmanager
def in_time(connection: AsyncConnection[Any]) -> Iterator[None]:
    """Around a statement: keeps to `statement_seconds()`, and gives a silent connection up.

    The task is not canceled: psycopg would wait for an answer even then.
    """
    seconds = statement_seconds()
    if seconds is None:
        yield
        return
    late: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    timer = loop.call_later(
        seconds, lambda: late.append(loop.create_task(_cancel_or_cut(connection)))
    )
    try:
        yield
    except Error as error:
        if late:
            raise StatementTimeoutError(seconds) from error
        raise
    finally:
        timer.cancel()
        for task in late:
            task.cancel()


async def _cancel_or_cut(connection: AsyncConnection[Any]) -> None:
    """Ask the server to cancel what runs; whoever waits for an answer stops waiting then."""
    with suppress(Error, TimeoutError):
        async with asyncio.timeout(CANCEL_SECONDS):
            await connection.cancel_safe(timeout=CANCEL_SECONDS)
            await asyncio.sleep(CANCEL_SECONDS)
    logger.warning("The database is silent; giving the connection up")
    with suppress(Error, OSError):
        duplicate = socket.socket(fileno=os.dup(connection.fileno()))
        with duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
