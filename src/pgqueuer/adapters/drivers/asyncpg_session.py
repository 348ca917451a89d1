"""What asyncpg leaves to its users: PGOPTIONS, and whether a connection is still there."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.errors import StatementTimeoutError
from pgqueuer.ports.statements import statement_seconds

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    AnyConnection: TypeAlias = asyncpg.Connection[Any] | PoolConnectionProxy[Any]

CANCEL_SECONDS: Final = 2.0
"""How long a server that is still there may take to cancel a statement."""

_WORD: Final = re.compile(r"(?:[^\s\\]|\\.)+", re.DOTALL)
# What was set when the session was opened, or since, was meant; it wins, as it does in libpq.
_MAKE_SETTINGS: Final = """
SELECT
    setting.source = 'client' AS given,
    CASE
        WHEN setting.name IS NULL
            OR (
                setting.source NOT IN ('client', 'session')
                AND setting.context IN ('user', 'superuser')
            )
            THEN set_config(wanted.name, wanted.value, false)
    END
FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
LEFT JOIN pg_settings AS setting ON lower(setting.name) = lower(wanted.name)
"""


class SessionOptions:
    """The settings that PGOPTIONS asks for, read when this object is made.

    libpq hands them to the server when it connects. asyncpg does not, so they are made here in
    sessions that somebody else opened, before their first statement.
    """

    def __init__(self) -> None:
        self._wanted = read_options(os.environ.get("PGOPTIONS", ""))

    @property
    def wanted(self) -> bool:
        """Whether there are settings to make."""
        return bool(self._wanted)

    async def apply(self, connection: AnyConnection) -> None:
        """Make the settings in a session that stays with the driver."""
        if self._wanted:
            await self._make(connection)
            # A rollback would undo them.
            if not connection.is_in_transaction():
                self._wanted = {}

    async def apply_anew(self, connection: AnyConnection) -> None:
        """Make the settings in a session that a pool resets after each use."""
        if self._wanted and await self._make(connection):
            self._wanted = {}

    async def _make(self, connection: AnyConnection) -> bool:
        """Tell whether the session was opened with all of them."""
        names, values = list(self._wanted), list(self._wanted.values())
        rows = await connection.fetch(_MAKE_SETTINGS, names, values)
        return all(row["given"] for row in rows)


def read_options(text: str) -> dict[str, str]:
    """The settings in `text`, given as ``-c name=value``, ``-cname=value`` or ``--name=value``.

    A backslash takes the meaning from the character after it, such as a space. Other switches are
    passed over. Raises ValueError for a setting without a value.
    """
    words = [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in _WORD.findall(text)]
    settings: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word += words.pop(0)
        if not word.startswith(("-c", "--")):
            continue
        name, separator, value = word[2:].partition("=")
        if not separator:
            raise ValueError(f"{word!r} in PGOPTIONS has no value; write -cname=value")
        settings[name.replace("-", "_")] = value
    return settings


def is_open(connection: AnyConnection) -> bool:
    """Whether the connection is there, and, if it is a pool's, has not gone back to the pool."""
    import asyncpg  # noqa: PLC0415

    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # raised by a pool's connection, whatever it is asked
        return False


@contextmanager
def told_when_lost(connection: AnyConnection) -> Iterator[None]:
    """Around statements: where they fail because the connection is lost, it is cleaned up.

    asyncpg itself may forget to: then no termination listener is called, and a pool waits for the
    connection for ever.
    """
    try:
        yield
    except BaseException:
        clean_up(connection)
        raise


@asynccontextmanager
async def in_time(connection: AnyConnection) -> AsyncGenerator[None]:
    """Around a statement: keeps to `statement_seconds()`, and gives a silent connection up."""
    seconds = statement_seconds()
    if seconds is None:
        yield
        return
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        # asyncpg has asked the server to cancel; the next statement waits for the end of that.
        await _answer_or_end(connection)
        raise StatementTimeoutError(seconds) from error


async def _answer_or_end(connection: AnyConnection) -> None:
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            await connection.execute("SELECT 1")
    except TimeoutError:
        logger.warning("The database is silent; giving the connection up")
        connection.terminate()


def clean_up(connection: AnyConnection) -> None:
    """End a connection that is lost already in the way that asyncpg does; nothing if it is not."""
    import asyncpg  # noqa: PLC0415

    with suppress(asyncpg.InterfaceError):  # a pool has seen to its connection
        if connection.is_closed():
            connection.terminate()
