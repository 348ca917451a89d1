"""Rows as the queue expects them from every driver: UUIDs, JSON as text, arrays with NULLs.

psqlpy tells no types of columns and can not read all of them. A value as psqlpy reads it, beside
its bytes, tells enough. That is looked at once a statement, and again when a column is no longer
NULL; from then on only the columns that need it are decoded here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias
from uuid import UUID

from psqlpy import QueryResult
from psqlpy.exceptions import RustToPyValueMappingError

from pgqueuer_psqlpy.arrays import array_of, is_array, is_number

Decoder: TypeAlias = Callable[[bytes], Any]
Row: TypeAlias = dict[str, Any]

MOST_STATEMENTS: Final = 512


class ResultReader:
    """Reads the results of one connection, on which a prepared statement keeps its types."""

    def __init__(self) -> None:
        self._decoders: dict[str, dict[str, Decoder]] = {}
        self._unknown: dict[str, list[str]] = {}

    def read(self, query: str, result: QueryResult) -> list[Row]:
        """The rows; raises RustToPyValueMappingError where `learn` has to be told the names."""
        if query not in self._decoders:
            return self.learn(query, result)
        seen: list[bytes] = []
        unknown = dict.fromkeys(self._unknown[query], seen.append)
        rows: list[Row] = result.result(custom_decoders={**self._decoders[query], **unknown})
        return self.learn(query, result) if seen else rows

    def learn(self, query: str, result: QueryResult, names: list[str] | None = None) -> list[Row]:
        """The rows, once it is found out how to decode the columns."""
        if names is None:
            rows: list[Row] = result.result()
            if not rows:
                return []
            names = list(rows[0])
        decoders, unknown = find_decoders(result, names)
        rows = result.result(custom_decoders=decoders)
        self._remember(query, decoders, unknown)
        return rows

    def forget(self, query: str) -> None:
        """The statement may return other types from now on."""
        self._decoders.pop(query, None)

    def _remember(self, query: str, decoders: dict[str, Decoder], unknown: list[str]) -> None:
        if len(self._decoders) >= MOST_STATEMENTS:
            self._decoders.clear()
            self._unknown.clear()
        self._decoders[query] = decoders
        self._unknown[query] = unknown


def find_decoders(
    result: QueryResult, names: Iterable[str]
) -> tuple[dict[str, Decoder], list[str]]:
    """The decoders of the columns that need one, and the columns that have no value yet."""
    # psqlpy looks decoders up by the lower-case name.
    everything: dict[str, Decoder] = {name.lower(): bytes for name in names}
    encoded = result.result(custom_decoders=everything)
    decoders: dict[str, Decoder] = {}
    unknown: list[str] = []
    for name in names:
        at = next((at for at, row in enumerate(encoded) if row[name] is not None), None)
        if at is None:
            unknown.append(name.lower())
            continue
        others = {other: found for other, found in everything.items() if other != name.lower()}
        data = encoded[at][name]
        try:
            value = result.result(custom_decoders=others)[at][name]
        except RustToPyValueMappingError:
            decoder = _for_unreadable(data)
        else:
            decoder = _for_value(value, data)
        if decoder is not None:
            decoders[name.lower()] = decoder
    return decoders, unknown


def _for_unreadable(data: bytes) -> Decoder | None:
    """What psqlpy can not read; without a decoder its error reaches the caller."""
    if is_array(data):
        return array_of
    return None if data else _void


def _for_value(value: object, data: bytes) -> Decoder | None:
    if isinstance(value, list) and is_array(data):
        return array_of
    if isinstance(value, str) and len(data) == 16 and str(UUID(bytes=data)) == value:
        return _uuid
    return _json if not _is_plain(value, data) and _is_json(data) else None


def _is_plain(value: object, data: bytes) -> bool:
    """Whether psqlpy read it as what it is, and not as what is in a JSON document."""
    match value:
        case str():
            return data == value.encode()
        case bool():
            return len(data) == 1
        case int() | float():
            return is_number(value, data)
    return not isinstance(value, dict | list | None)


def _is_json(data: bytes) -> bool:
    return data[:1] == b"\x01" or data.lstrip()[:1] in b'{["-0123456789tfn'


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


def _json(data: bytes) -> str:
    return data.removeprefix(b"\x01").decode()


def _void(data: bytes) -> str:
    return data.decode()
