"""Rows in the binary format of COPY."""

from __future__ import annotations

import reprlib
import struct
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Final

from psycopg import errors
from psycopg.sql import SQL, Identifier

from pgqueuer.adapters.drivers.psycopg_encoding import (
    ENCODING_ERRORS,
    TYPES,
    Encode,
    encode_text,
)

Rows = AsyncIterable[Sequence[object]] | Sequence[Sequence[object]]

BLOCK_BYTES: Final = 64 * 1024

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_count = struct.Struct("!h").pack
_length = struct.Struct("!i").pack


def copy_statement(table: str, columns: Sequence[str]) -> bytes:
    """The statement that takes the blocks; `table` is SQL text."""
    names = SQL(", ").join(Identifier(column) for column in columns)
    target = SQL("({}) FROM STDIN (FORMAT BINARY)").format(names)
    return f"COPY {table} ".encode() + target.as_bytes(None)


async def encoded_blocks(types: Sequence[str], rows: Rows) -> AsyncIterator[bytes]:
    """Header, rows and trailer, in blocks of about BLOCK_BYTES or of one row if that is larger.

    Raises DataException (SQLSTATE 22000) for a value that is not of the type of its column.
    """
    encoders = [_encoder(name) for name in types]
    block = bytearray(_HEADER)
    async for row in _each(rows):
        _append_row(block, row, encoders)
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block + _TRAILER)


def _encoder(name: str) -> Encode:
    if name.endswith("[]") and name[:-2] in TYPES:
        return TYPES[name[:-2]].encode_array
    return TYPES[name].encode if name in TYPES else encode_text


async def _each(rows: Rows) -> AsyncIterator[Sequence[object]]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


def _append_row(block: bytearray, row: Sequence[object], encoders: Sequence[Encode]) -> None:
    block += _count(len(encoders))
    for value, encode in zip(row, encoders, strict=True):
        if value is None:
            block += _NULL
            continue
        try:
            data = encode(value)
        except ENCODING_ERRORS as error:
            raise errors.DataException(
                f"{reprlib.repr(value)} can not be copied ({error})"
            ) from error
        block += _length(len(data))
        block += data
