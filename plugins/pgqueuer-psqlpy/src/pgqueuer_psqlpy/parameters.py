"""Parameters as psqlpy can send them, and a TypeError for those that it would send wrongly."""

from __future__ import annotations

import re
import reprlib
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from psqlpy.extra_types import CustomType

from pgqueuer_psqlpy.errors import PsqlpyValueError

BYTEA_OID: Final = 17

_REFERENCE: Final = re.compile(r"\$(\d+)::(\w+)(\s*\[\s*\])?")
_ARRAY_HEAD: Final = struct.Struct("!iiIii")
_EMPTY_ARRAY: Final = struct.pack("!iiI", 0, 0, BYTEA_OID)


def bound(query: str, args: Sequence[object]) -> list[Any]:
    """The arguments of a statement whose casts, such as ``$1::text[]``, tell their types.

    psqlpy itself refuses most values of other types. It takes any sequence for an array, text for
    bytes in arrays, and any text for a UUID or JSON.
    """
    casts = _casts(query)
    return [
        _bind(number, value, *casts[number]) if value is not None and number in casts else value
        for number, value in enumerate(args, 1)
    ]


@lru_cache(maxsize=512)
def _casts(query: str) -> dict[int, tuple[str, bool]]:
    return {
        int(number): (name.lower(), bool(brackets))
        for number, name, brackets in _REFERENCE.findall(query)
    }


def _bind(number: int, value: object, name: str, is_array: bool) -> object:
    try:
        if not is_array:
            return _scalar(name, value)
        if not isinstance(value, list | tuple):
            raise TypeError("a list is expected")
        return _array(name, value)
    except (TypeError, ValueError) as error:
        raise PsqlpyValueError(f"${number}: {reprlib.repr(value)} ({error})") from error


def _array(name: str, items: Sequence[Any]) -> object:
    if name == "bytea":
        return CustomType(_bytea_array(items))
    if name == "uuid":
        return [None if item is None else _scalar(name, item) for item in items]
    return items if isinstance(items, list) else list(items)


def _scalar(name: str, value: Any) -> object:
    match name:
        case "bytea":
            return _bytes(value)
        case "uuid":
            return value if isinstance(value, UUID) else UUID(value)
        case "jsonb" if isinstance(value, str):
            return CustomType(b"\x01" + value.encode())
        case "json" if isinstance(value, str):
            return CustomType(value.encode())
    return value


def _bytea_array(items: Sequence[object]) -> bytes:
    if not items:
        return _EMPTY_ARRAY
    parts = [_ARRAY_HEAD.pack(1, int(None in items), BYTEA_OID, len(items), 1)]
    for item in items:
        if item is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            data = _bytes(item)
            parts += (len(data).to_bytes(4), data)
    return b"".join(parts)


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise TypeError("a bytes-like object is expected")
