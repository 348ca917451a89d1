"""A connection goes back to asyncpg's pool: with or without the query that cleans its session."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import asyncpg

    from pgqueuer.adapters.drivers.asyncpg_session import AnyConnection


class SparedReset:
    """Around `Pool.acquire()`: `spare` lets the pool take the connection back as it is.

    It costs a round trip and four statements to clean a session that is clean. asyncpg still rolls
    an open transaction back and removes listeners. Pools with hooks of their own are left alone.
    """

    __slots__ = ("_connection", "_possible")

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._possible = not has_setup(pool)
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def spare(self, connection: AnyConnection) -> None:
        """Let this connection go back as it is."""
        real = getattr(connection, "_con", None)
        if self._possible and hasattr(real, "_reset_query"):
            self._connection = real
            self._connection._reset_query = ""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            # asyncpg makes the query anew, for whoever has the connection next.
            self._connection._reset_query = None


def has_setup(pool: asyncpg.Pool[Any]) -> bool:
    """Whether the pool was given a `setup`, which may give each caller another session."""
    # asyncpg does not tell in public; where it tells in another way, it may have one.
    return getattr(pool, "_setup", pool) is not None
