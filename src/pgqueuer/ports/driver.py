"""The database connection as the queue sees it.

Statements use `$1`, `$2`, … for parameters, whatever the driver underneath.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

NotifyCallback = Callable[[str | bytes | bytearray], None]
"""Called with the payload of each notification, in the event loop of the driver."""


class TaskManagerPort(Protocol):
    """Keeps background tasks referenced until they end."""

    tasks: set[asyncio.Task[object]]

    def add(self, task: asyncio.Task[object]) -> None: ...

    async def gather_tasks(self, return_exceptions: bool = True) -> list[object]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class Driver(Protocol):
    """An asynchronous connection, or several behind one face.

    `fetch` returns rows as dictionaries, `execute` the status of the command. Calls may be made
    concurrently. Errors of the database carry `sqlstate`.
    """

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]: ...

    async def execute(self, query: str, *args: object) -> str: ...

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None: ...

    async def notify(self, channel: str, payload: str) -> None: ...

    @property
    def shutdown(self) -> asyncio.Event: ...

    @property
    def tm(self) -> TaskManagerPort: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class ListenerRemover(Protocol):
    """A driver that can stop listening; optional."""

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None: ...


@runtime_checkable
class ListeningWatcher(Protocol):
    """A driver that tells when it hears nothing any more; optional.

    The callback gets False when the listening connection is lost, True when another one listens.
    """

    def watch_listening(self, callback: Callable[[bool], None]) -> None: ...

    def unwatch_listening(self, callback: Callable[[bool], None]) -> None: ...


@runtime_checkable
class BulkCopier(Protocol):
    """A driver that can stream rows by COPY; optional.

    `table` is SQL text, quoted where it must be; `columns` are bare names. One call is one COPY
    command, whole or not at all, and returns the number of rows.
    """

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        types: Sequence[str],
        rows: AsyncIterable[Sequence[object]] | Sequence[Sequence[object]],
    ) -> int: ...


@runtime_checkable
class ConnectionLiveness(Protocol):
    """A driver that knows whether it can still reach the database; optional.

    `closed` is true once no later call can succeed, as after the only connection was lost.
    """

    @property
    def closed(self) -> bool: ...


@runtime_checkable
class TransactionAwareness(Protocol):
    """A driver that knows whether its statements are part of a transaction; optional."""

    @property
    def in_transaction(self) -> bool: ...


@runtime_checkable
class SessionIndependence(Protocol):
    """A driver that may tell that it does not matter which caller sends a statement; optional.

    With `alike_sessions` each statement is a transaction of its own, in whichever session is free.
    Jobs of several callers may then be inserted by one statement.
    """

    @property
    def alike_sessions(self) -> bool: ...


@runtime_checkable
class BackendIdentity(Protocol):
    """A driver that knows which server process it was connected to; optional.

    `backend_pids` takes one connection and returns the number that the server announced when it
    was opened, and that of the process which answers now. They differ behind a pooler. A driver
    that must send statements in another way there does so from then on.
    """

    async def backend_pids(self) -> tuple[int, int]: ...


async def is_behind_pooler(driver: Driver) -> bool:
    """Whether a pooler is between; False where the driver can not tell."""
    if not isinstance(driver, BackendIdentity):
        return False
    announced, actual = await driver.backend_pids()
    return announced != actual


class SyncDriver(Protocol):
    """A synchronous connection for producers."""

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]: ...


@runtime_checkable
class SqlStateError(Protocol):
    """An exception with a five-character SQLSTATE."""

    sqlstate: str | None


@runtime_checkable
class ConstraintNamed(Protocol):
    """An exception that names the constraint that was violated."""

    constraint_name: str | None


class _Diagnostic(Protocol):
    @property
    def constraint_name(self) -> str | None: ...


@runtime_checkable
class DiagnosticError(Protocol):
    """An exception that keeps the details under `diag`, as psycopg's do."""

    @property
    def diag(self) -> _Diagnostic: ...
