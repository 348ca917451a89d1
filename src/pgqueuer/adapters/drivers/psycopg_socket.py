"""Notifications for a psycopg connection that nobody is reading from."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

from psycopg import AsyncConnection, OperationalError
from psycopg.pq import ConnStatus

from pgqueuer.core.tm import TaskManager

MOST_VAIN_CALLS: Final = 100


class NotificationReader:
    """Reads what arrives between the statements of a connection.

    psycopg hands over notifications while a statement runs. In between it would have to be asked,
    and its `notifies()` keeps the connection from running statements. So the event loop watches
    a duplicate of the socket, the original being psycopg's, and what arrives is read at once,
    unless a statement runs. `on_lost` is called once, when the server ended the connection.
    """

    def __init__(
        self, connection: AsyncConnection[Any], tasks: TaskManager, on_lost: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._tasks = tasks
        self._on_lost = on_lost
        self._socket: socket.socket | None = None
        self._vain_calls = 0
        self._waiting: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it is between `start` and `stop`."""
        return self._socket is not None

    def start(self) -> None:
        """Watch the socket, in the running event loop."""
        original = socket.socket(fileno=self._connection.fileno())
        try:
            self._socket = original.dup()
        finally:
            original.detach()
        # Python makes a duplicate a blocking one, and with it the original.
        self._socket.setblocking(False)
        self._watch()

    def stop(self) -> None:
        """Leave the socket alone."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _watch(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        if not self._connection.lock.locked():
            self._read()
            return
        # A statement runs, and psycopg reads its answer and what comes along, as a rule at once.
        # Where it does not, as in a COPY whose rows are slow, the loop must not call all the time.
        self._vain_calls += 1
        if self._vain_calls > MOST_VAIN_CALLS:
            self._wait_until_free()

    def _wait_until_free(self) -> None:
        if self._socket is not None and self._waiting is None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._waiting = asyncio.create_task(self._free())
            self._tasks.add(self._waiting)

    async def _free(self) -> None:
        async with self._connection.lock:
            self._waiting = None
            self._watch()
            self._read()

    def _read(self) -> None:
        self._vain_calls = 0
        try:
            self._connection.pgconn.consume_input()
        except OperationalError:
            self._lost()
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give psycopg what its library has read; psycopg gives it to all who asked."""
        pgconn = self._connection.pgconn
        while pgconn.status == ConnStatus.OK and (notification := pgconn.notifies()):
            if pgconn.notify_handler is not None:
                pgconn.notify_handler(notification)

    def _lost(self) -> None:
        self.stop()
        # A connection that its owner closed is not broken.
        if self._connection.broken:
            self._on_lost()
