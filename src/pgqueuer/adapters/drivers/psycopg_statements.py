"""What is known of a statement from its text and from the last time it ran."""

from __future__ import annotations

import re
import reprlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection, Connection, Error, errors
from psycopg.pq import ExecStatus, TransactionStatus

from pgqueuer.adapters.drivers.psycopg_adapters import (
    ENCODED,
    AsyncDriverCursor,
    Encoded,
    SyncDriverCursor,
)
from pgqueuer.adapters.drivers.psycopg_encoding import ENCODING_ERRORS, TYPES, PostgresType

MOST_STATEMENTS: Final = 256
MOST_RENEWALS: Final = 8

_REFERENCE: Final = re.compile(r"\$(\d+)(?:::(\w+)((?:\s*\[\s*\d*\s*\])*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter whose type the statement tells by a cast, such as ``$1::text[]``."""

    number: int
    declared: PostgresType
    is_array: bool

    def bind(self, value: object) -> object:
        """`value` in binary format.

        Raises DataException (SQLSTATE 22000) for a value that is not of the type, as asyncpg does:
        text is not taken for bytes, nor bytes for text, nor either for a number.
        """
        if self.is_array and _is_nested(value):
            return value
        encode = self.declared.encode_array if self.is_array else self.declared.encode
        try:
            data = None if value is None else encode(value)
        except ENCODING_ERRORS as error:
            raise errors.DataException(
                f"invalid input for query argument ${self.number}: {reprlib.repr(value)} ({error})"
            ) from error
        return self._carrier(data)

    @property
    def _carrier(self) -> type[Encoded]:
        return ENCODED[self.declared.array_oid if self.is_array else self.declared.oid]


@dataclass(slots=True, kw_only=True)
class Statement:
    """How to run a statement.

    `repeated` statements are prepared. The first time results come as text, because the types are
    not known yet and psycopg can not read all of them in binary format, which is faster.
    """

    text: bytes
    parameters: dict[int, Parameter]
    binary: bool
    repeated: bool = False
    renewals: int = 0

    @property
    def prepare(self) -> bool | None:
        """What to tell psycopg; None leaves it to the connection's `prepare_threshold`."""
        if self.renewals > MOST_RENEWALS:
            return False
        return True if self.repeated else None

    def renew(self) -> None:
        """Have it prepared again: psycopg knows a prepared statement by its text.

        Where that has to be done time and again, as behind a pooler, it is prepared no more.
        """
        self.renewals += 1
        self.text += b"\n"

    def bind(self, args: Sequence[object]) -> list[object] | None:
        """The arguments as psycopg shall get them."""
        if not args:
            return None
        known = self.parameters
        return [
            known[number].bind(value) if number in known else value
            for number, value in enumerate(args, 1)
        ]

    def learn(self, cursor: AsyncDriverCursor | SyncDriverCursor) -> None:
        """Take from the first result how to run the statement from now on."""
        result = cursor.pgresult
        if self.repeated or result is None or result.status != ExecStatus.TUPLES_OK:
            return
        adapters = cursor.driver_adapters
        self.binary = all(adapters.has_binary(result.ftype(i)) for i in range(result.nfields))
        self.repeated = True


class StatementMemory:
    """The statements used last on a connection."""

    def __init__(self, connection: AsyncConnection[Any] | Connection[Any]) -> None:
        self._connection = connection
        self._statements: OrderedDict[str, Statement] = OrderedDict()

    def __getitem__(self, query: str) -> Statement:
        statement = self._statements.get(query)
        if statement is None:
            statement = self._statements[query] = Statement(
                text=query.encode(),
                parameters=declared_parameters(query),
                binary=not self._text_is_readable(),
            )
            if len(self._statements) > MOST_STATEMENTS:
                self._statements.popitem(last=False)
        else:
            self._statements.move_to_end(query)
        return statement

    def _text_is_readable(self) -> bool:
        """Whether times and intervals come as psycopg expects them in text format."""
        told = self._connection.info.parameter_status
        return (told("DateStyle") or "").startswith("ISO") and told("IntervalStyle") == "postgres"

    def outdated(self, error: Error) -> bool:
        """Whether the statement failed only because it was prepared, and may run again."""
        idle = self._connection.info.transaction_status == TransactionStatus.IDLE
        if isinstance(error, errors.FeatureNotSupported):
            return idle and error.diag.source_function == "RevalidateCachedQuery"
        return idle and isinstance(error, errors.InvalidSqlStatementName)


def declared_parameters(query: str) -> dict[int, Parameter]:
    """The parameters that carry the same cast, to a known type, wherever they are named."""
    casts: dict[int, set[tuple[str, int]]] = {}
    for number, name, brackets in _REFERENCE.findall(query):
        casts.setdefault(int(number), set()).add((name.lower(), brackets.count("[")))
    declared: dict[int, Parameter] = {}
    for number, found in casts.items():
        name, dimensions = next(iter(found))
        if len(found) == 1 and name in TYPES and dimensions <= 1:
            declared[number] = Parameter(
                number=number, declared=TYPES[name], is_array=dimensions == 1
            )
    return declared


def column_names(cursor: AsyncDriverCursor | SyncDriverCursor) -> list[str]:
    """The names of the columns; empty if the statement returned no rows, not even none."""
    result = cursor.pgresult
    if result is None or result.status != ExecStatus.TUPLES_OK:
        return []
    return [(result.fname(i) or b"").decode() for i in range(result.nfields)]


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], list | tuple)
