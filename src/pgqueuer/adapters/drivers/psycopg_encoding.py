"""Python values in PostgreSQL's binary formats, as strict as asyncpg is.

psycopg chooses a type by the value: a number may become one of four types, text stands for
anything, and a list is looked at item by item. Here the type is known, so that a wrong value is
refused and not converted, and lists are quick.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

Encode = Callable[..., bytes]

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

_int2 = struct.Struct("!h").pack
_int4 = struct.Struct("!i").pack
_int8 = struct.Struct("!q").pack
_float8 = struct.Struct("!d").pack
_interval = struct.Struct("!qii").pack
_array = struct.Struct("!iiIii").pack
_NULL: Final = _int4(-1)


def _bool(value: bool) -> bytes:
    if not isinstance(value, bool):
        raise TypeError("a bool is required")
    return b"\x01" if value else b"\x00"


def _text(value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError("a str is required")
    return value.encode()


def _jsonb(value: str) -> bytes:
    return b"\x01" + _text(value)


def _bytea(value: bytes | bytearray | memoryview) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("a bytes-like object is required")
    return bytes(value)


def _uuid(value: UUID | str) -> bytes:
    if isinstance(value, str):
        return UUID(value).bytes
    if not isinstance(value, UUID):
        raise TypeError("a UUID is required")
    return value.bytes


def _timestamptz(value: datetime) -> bytes:
    if not isinstance(value, datetime):
        raise TypeError("a datetime is required")
    return _int8((value.astimezone(UTC) - EPOCH) // MICROSECOND)


def _duration(value: timedelta) -> bytes:
    if not isinstance(value, timedelta):
        raise TypeError("a timedelta is required")
    return _interval(value.seconds * 1_000_000 + value.microseconds, value.days, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresType:
    """A type of PostgreSQL, the type of its arrays, and how a value of it is written."""

    oid: int
    array_oid: int
    encode: Encode

    def encode_array(self, values: object) -> bytes:
        """A one-dimensional array; its items may be None."""
        if not isinstance(values, Collection) or isinstance(
            values, str | bytes | bytearray | memoryview | Mapping
        ):
            raise TypeError("a list is required")
        if not values:
            return _array(0, 0, self.oid, 0, 0)[:12]
        encode = self.encode
        parts = [_array(1, None in values, self.oid, len(values), 1)]
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                data = encode(value)
                parts.append(_int4(len(data)))
                parts.append(data)
        return b"".join(parts)


_TYPES: Final = {
    "bool": PostgresType(oid=16, array_oid=1000, encode=_bool),
    "bytea": PostgresType(oid=17, array_oid=1001, encode=_bytea),
    "int8": PostgresType(oid=20, array_oid=1016, encode=_int8),
    "int2": PostgresType(oid=21, array_oid=1005, encode=_int2),
    "int4": PostgresType(oid=23, array_oid=1007, encode=_int4),
    "text": PostgresType(oid=25, array_oid=1009, encode=_text),
    "json": PostgresType(oid=114, array_oid=199, encode=_text),
    "float8": PostgresType(oid=701, array_oid=1022, encode=_float8),
    "timestamptz": PostgresType(oid=1184, array_oid=1185, encode=_timestamptz),
    "interval": PostgresType(oid=1186, array_oid=1187, encode=_duration),
    "uuid": PostgresType(oid=2950, array_oid=2951, encode=_uuid),
    "jsonb": PostgresType(oid=3802, array_oid=3807, encode=_jsonb),
}
_ALIASES: Final = {
    "boolean": "bool",
    "bigint": "int8",
    "smallint": "int2",
    "int": "int4",
    "integer": "int4",
}

TYPES: Final = MappingProxyType(_TYPES | {name: _TYPES[type_] for name, type_ in _ALIASES.items()})
"""The types that are known, by every name that SQL has for them in one word."""

ENCODING_ERRORS: Final = (struct.error, TypeError, ValueError, OverflowError)
"""What an encoder raises for a value that the type does not take."""

encode_text: Final[Encode] = _text
"""Also the binary format of enums, and of domains over text."""
