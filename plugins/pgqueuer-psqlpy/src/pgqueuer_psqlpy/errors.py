"""Errors of psqlpy with what it leaves out: the SQLSTATE.

psqlpy hands over the text of the server's error, not its code. The codes that the queue acts on
are told from the English text; `PsqlpyDriver` asks the server for English.
"""

from __future__ import annotations

import re
from typing import Final

from psqlpy.exceptions import BaseConnectionPoolError, DatabaseError

INVALID_VALUE: Final = "22000"
CANNOT_CONNECT: Final = "08001"
CONNECTION_LOST: Final = "08006"
QUERY_CANCELED: Final = "57014"
ENDED_BY_ADMINISTRATOR: Final = "57P01"
LOST: Final = (CONNECTION_LOST, ENDED_BY_ADMINISTRATOR)

_SERVER_ERROR: Final = re.compile(r"db error: (?P<severity>\w+): (?P<message>.*)", re.DOTALL)
_DETAIL: Final = re.compile(r"^DETAIL: (.*?)(?=^HINT: |\Z)", re.DOTALL | re.MULTILINE)
_CONSTRAINT: Final = re.compile(r'(?:unique|check|foreign key|exclusion) constraint "([^"]+)"')
_CODES: Final = tuple(
    (re.compile(pattern), code)
    for pattern, code in (
        (r"duplicate key value violates unique constraint|could not create unique", "23505"),
        (r"violates foreign key constraint", "23503"),
        (r"violates not-null constraint", "23502"),
        (r"violates (check|partition) constraint", "23514"),
        (r"violates exclusion constraint", "23P01"),
        (r"deadlock detected", "40P01"),
        (r"could not serialize|schema was changed while an upgrade", "40001"),
        (r"canceling statement due to", QUERY_CANCELED),
        (r"canceling statement|could not obtain lock", "55P03"),
        (r"terminating connection|the database system is shutting down", ENDED_BY_ADMINISTRATOR),
        (r"the database system is", "57P03"),
        (r"cached plan must not change result type", "0A000"),
        (r"prepared statement .* does not exist", "26000"),
        (r"(relation|table|view|sequence) .* does not exist", "42P01"),
        (r"column .* does not exist", "42703"),
        (r"(function|procedure|operator)\b.* does not exist", "42883"),
        (r"schema .* does not exist", "3F000"),
        (r"database .* does not exist", "3D000"),
        (r"role .* does not exist|no pg_hba.conf entry", "28000"),
        (r"(type|trigger|constraint|index|parameter) .* does not exist", "42704"),
        (r"relation .* already exists", "42P07"),
        (r"schema .* already exists", "42P06"),
        (r"function .* already exists", "42723"),
        (r"already exists", "42710"),
        (r"permission denied|must be (owner|superuser|member)", "42501"),
        (r"password authentication failed", "28P01"),
        (r"too many (clients|connections)|remaining connection slots", "53300"),
        (r"in a read-only transaction", "25006"),
        (r"current transaction is aborted", "25P02"),
        (r"syntax error", "42601"),
        (r"division by zero", "22012"),
        (r"invalid byte sequence|untranslatable character", "22021"),
        (r"unsupported Unicode escape", "22P05"),
        (r"invalid input (syntax|value)", "22P02"),
        (r"out of range", "22003"),
        (r"value too long", "22001"),
        (r"insufficient data left|incorrect binary data|array dimensions", "22P03"),
        (r"entrypoint must|dedupe_key must|headers must|give payload or", "22023"),
    )
)
_CLIENT_CODES: Final = (
    ("expected", "07001"),  # the number of parameters
    ("error connecting", CANNOT_CONNECT),
    ("invalid configuration", CANNOT_CONNECT),
    ("timeout", CANNOT_CONNECT),
    ("closed", CONNECTION_LOST),
    ("communicating", CONNECTION_LOST),
)


class PsqlpyError(DatabaseError):
    """An error of psqlpy or of the server; psqlpy's own is the `__cause__`.

    `sqlstate` is None where the text of the error does not tell it.
    """

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        constraint_name: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.constraint_name = constraint_name
        self.detail = detail


class PsqlpyValueError(PsqlpyError, TypeError):
    """A parameter that is not of the type that the statement wants."""

    def __init__(self, message: str) -> None:
        super().__init__(f"invalid input for query argument {message}", sqlstate=INVALID_VALUE)


def translated(error: Exception) -> PsqlpyError:
    """The same error with its code; raise it from `error`."""
    found = _SERVER_ERROR.search(str(error))
    if found is None:
        return PsqlpyError(str(error), sqlstate=_client_code(error))
    message = found["message"]
    detail = _DETAIL.search(message)
    constraint = _CONSTRAINT.search(message)
    return PsqlpyError(
        message.strip(),
        sqlstate=_code(message.partition("\n")[0]),
        constraint_name=constraint and constraint[1],
        detail=detail and detail[1].strip(),
    )


def _code(message: str) -> str | None:
    return next((code for pattern, code in _CODES if pattern.search(message)), None)


def _client_code(error: Exception) -> str | None:
    text = str(error)
    known = next((code for words, code in _CLIENT_CODES if words in text), None)
    return known or (CANNOT_CONNECT if isinstance(error, BaseConnectionPoolError) else None)
