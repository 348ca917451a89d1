"""Which errors pass when the database is back."""

from __future__ import annotations

from typing import Final

# The classes of appendix A of the PostgreSQL documentation: no connection, wrong login, no such
# database, no resources, the server goes down or comes up, its system fails; a standby; and a
# database that lets nobody in (ALTER DATABASE … ALLOW_CONNECTIONS false).
_SQLSTATES: Final = ("08", "28", "3D", "53", "57P", "58", "25006", "55000")

# Errors of drivers without a SQLSTATE: of PEP 249, and asyncpg's for a standby where a primary
# was asked for.
_NAMES: Final = frozenset({"OperationalError", "TargetServerAttributeNotMatched"})


def is_connection_failure(error: BaseException) -> bool:
    """Whether `error` comes from the connection or the server, not from the program.

    Told without importing a driver. Of a group every member must be one.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_connection_failure, error.exceptions))
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_SQLSTATES)
    if any(base.__name__ in _NAMES for base in type(error).__mro__):
        return True
    # With a name of a file it is about that file, except for a connection.
    return isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and error.filename is None
    )
