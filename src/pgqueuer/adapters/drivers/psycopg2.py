"""A driver for producers over psycopg2, the predecessor of psycopg."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, Final

_TOKEN: Final = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')|\$(\d+)|%""")

BYTEA: Final = 17
JSON: Final = (114, 3802)
TIMESTAMPTZ: Final = 1184


class SyncPsycopg2Driver:
    """A driver for producers over one psycopg2 connection, in whatever transaction it is.

    psycopg2 writes the arguments into the statement, so a wrong type is the server's to refuse.
    Values come back as with the other drivers: JSON as text, times in UTC.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        """Whether statements run in a transaction that somebody else commits."""
        return not self._connection.autocommit or self._connection.info.transaction_status != 0

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run one statement and return its rows; none if it returns no rows."""
        extensions = import_module("psycopg2.extensions")
        with self._connection.cursor(cursor_factory=extensions.cursor) as cursor:
            for caster in _casters():
                extensions.register_type(caster, cursor)
            named = {f"p{number}": value for number, value in enumerate(args, 1)}
            cursor.execute(to_pyformat(query), named)
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def to_pyformat(query: str) -> str:
    """`query` with ``%(p1)s`` for ``$1`` and so on, and ``%%`` for a percent sign."""
    return _TOKEN.sub(_placeholder, query)


def _placeholder(match: re.Match[str]) -> str:
    quoted, number = match.groups()
    if quoted is not None:
        return quoted.replace("%", "%%")
    return "%%" if number is None else f"%(p{number})s"


@cache
def _casters() -> Sequence[object]:
    """psycopg2's types whose values are not those of the other drivers."""
    extensions = import_module("psycopg2.extensions")
    read_bytes = import_module("psycopg2").BINARY

    def as_bytes(value: str | None, cursor: object) -> bytes | None:
        return None if value is None else bytes(read_bytes(value, cursor))

    def as_text(value: str | None, cursor: object) -> str | None:
        return value

    def in_utc(value: str | None, cursor: object) -> datetime | None:
        moment = extensions.PYDATETIMETZ(value, cursor)
        return moment.astimezone(UTC) if isinstance(moment, datetime) else None

    casts: list[tuple[tuple[int, ...], Callable[..., object]]] = [
        ((BYTEA,), as_bytes),
        (JSON, as_text),
        ((TIMESTAMPTZ,), in_utc),
    ]
    return [extensions.new_type(oids, cast.__name__, cast) for oids, cast in casts]
