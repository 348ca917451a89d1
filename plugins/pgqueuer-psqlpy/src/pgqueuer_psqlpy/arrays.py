"""Arrays in PostgreSQL's binary format, which psqlpy reads only without NULLs."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

_HEAD: Final = struct.Struct("!iiI")
_DIMENSION: Final = struct.Struct("!ii")
_INTERVAL: Final = struct.Struct("!qii")
_NUMBERS: Final = ("!h", "!i", "!q", "!f", "!d")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_USER_OID: Final = 16384
_MONTH_DAYS: Final = 30


def is_array(data: bytes) -> bool:
    """Whether it has the head of an array; text does not begin with a zero byte."""
    if len(data) < _HEAD.size:
        return False
    dimensions, has_nulls, _ = _HEAD.unpack_from(data)
    return 0 <= dimensions <= 6 and has_nulls in (0, 1)


def is_number(value: float, data: bytes) -> bool:
    """Whether the bytes are the number in binary format."""
    if math.isnan(value):
        return True
    formats = [name for name in _NUMBERS if struct.calcsize(name) == len(data)]
    return any(struct.unpack(name, data)[0] == value for name in formats)


def array_of(data: bytes) -> list[Any]:
    """The array as a list, nested as it has dimensions.

    Raises TypeError for elements of a type that is not known here; cast them in the statement.
    """
    dimensions, _, oid = _HEAD.unpack_from(data)
    if dimensions == 0:
        return []
    at = _HEAD.size
    lengths: list[int] = []
    for _ in range(dimensions):
        lengths.append(_DIMENSION.unpack_from(data, at)[0])
        at += _DIMENSION.size
    items = _elements(data, at, _element_decoder(oid))
    for length in reversed(lengths[1:]):
        items = [items[start : start + length] for start in range(0, len(items), length)]
    return items


def _elements(data: bytes, at: int, decode: Callable[[bytes], Any]) -> list[Any]:
    items: list[Any] = []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], signed=True)
        at += 4
        if length < 0:
            items.append(None)
        else:
            items.append(decode(data[at : at + length]))
            at += length
    return items


def _element_decoder(oid: int) -> Callable[[bytes], Any]:
    found = _ELEMENTS.get(oid)
    if found is not None:
        return found
    if oid >= _FIRST_USER_OID:
        return bytes.decode  # an enum
    raise TypeError(f"arrays of the type with the number {oid} can not be read; cast it to text[]")


def _boolean(data: bytes) -> bool:
    return data != b"\x00"


def _integer(data: bytes) -> int:
    return int.from_bytes(data, signed=True)


def _timestamptz(data: bytes) -> datetime:
    return _EPOCH + timedelta(microseconds=_integer(data))


def _timestamp(data: bytes) -> datetime:
    return _timestamptz(data).replace(tzinfo=None)


def _date(data: bytes) -> date:
    return _EPOCH.date() + timedelta(days=_integer(data))


def _interval(data: bytes) -> timedelta:
    microseconds, days, months = _INTERVAL.unpack(data)
    return timedelta(days=days + months * _MONTH_DAYS, microseconds=microseconds)


def _jsonb(data: bytes) -> str:
    return data[1:].decode()


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


_ELEMENTS: Final = MappingProxyType[int, Callable[[bytes], Any]](
    {
        16: _boolean,
        17: bytes,
        20: _integer,
        21: _integer,
        23: _integer,
        **dict.fromkeys((19, 25, 114, 1042, 1043), bytes.decode),
        700: lambda data: struct.unpack("!f", data)[0],
        701: lambda data: struct.unpack("!d", data)[0],
        1082: _date,
        1114: _timestamp,
        1184: _timestamptz,
        1186: _interval,
        2950: _uuid,
        3802: _jsonb,
    }
)
