"""asyncpg behind a pooler."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from pgqueuer.core.logconfig import logger

if TYPE_CHECKING:
    from pgqueuer.adapters.drivers.asyncpg_session import AnyConnection


async def backend_pids(connection: AnyConnection) -> tuple[int, int]:
    """The server process as announced, and as it is now.

    asyncpg prepares a statement in one step and runs it in another, by a name that other clients
    of a pooler use too. This one has no name, and both steps are in one transaction.
    """
    async with nullcontext() if connection.is_in_transaction() else connection.transaction():
        statement = await connection.prepare("SELECT pg_backend_pid()", name="")
        return connection.get_server_pid(), int(await statement.fetchval())


def warn_of_names(connection: AnyConnection) -> None:
    """Say so when the statements of a connection behind a pooler have names."""
    # asyncpg does not tell in public; where it tells in another way, nothing is said.
    config = getattr(connection, "_config", None)
    if getattr(config, "statement_cache_size", 0):
        logger.warning(
            "A pooler in transaction mode mixes up the prepared statements of its clients; pass "
            "statement_cache_size=0 to asyncpg.connect() or create_pool()"
        )
