"""How psycopg reads and writes values, so that they are the same as with asyncpg."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from psycopg import AsyncConnection, AsyncRawCursor, Connection, RawCursor
from psycopg import adapters as psycopg_adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.abc import Loader as LoaderProtocol
from psycopg.adapt import AdaptersMap, Dumper, Loader, Transformer
from psycopg.pq import Format
from psycopg.rows import TupleRow, tuple_row

from pgqueuer.adapters.drivers.psycopg_encoding import TYPES

TIMESTAMPTZ: Final = TYPES["timestamptz"].oid
JSON: Final = TYPES["json"].oid
JSONB: Final = TYPES["jsonb"].oid
FLOAT4: Final = 700

_float4 = struct.Struct("!f")


class Encoded:
    """A parameter in binary format; None is NULL. Each type has a subclass."""

    __slots__ = ("data",)

    def __init__(self, data: bytes | None) -> None:
        self.data = data


class _EncodedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Encoded) -> bytes | None:
        return obj.data


def _encoded_types() -> dict[int, tuple[type[Encoded], type[Dumper]]]:
    oids = {oid for known in TYPES.values() for oid in (known.oid, known.array_oid)}
    return {
        oid: (
            type(f"Encoded{oid}", (Encoded,), {"__slots__": ()}),
            type(f"Encoded{oid}Dumper", (_EncodedDumper,), {"oid": oid}),
        )
        for oid in oids
    }


_ENCODED: Final = _encoded_types()
ENCODED: Final[Mapping[int, type[Encoded]]] = MappingProxyType(
    {oid: carrier for oid, (carrier, _) in _ENCODED.items()}
)
"""The class that carries a value of each type to psycopg."""


class _JsonText(Loader):
    format = Format.TEXT

    def load(self, data: Buffer) -> str:
        return str(data, "utf-8")


class _JsonBinary(_JsonText):
    format = Format.BINARY


class _JsonbBinary(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return str(data[1:], "utf-8")


class _Float4Text(Loader):
    """The number that the server has, as in binary format, and not its shortest digits."""

    format = Format.TEXT

    def load(self, data: Buffer) -> float:
        number: float
        (number,) = _float4.unpack(_float4.pack(float(bytes(data))))
        return number


def _utc_loader(fast: type[LoaderProtocol]) -> type[LoaderProtocol]:
    """psycopg's own loader, without the connection that it would take the time zone from."""

    class UtcLoader(Loader):
        format = fast.format

        def __new__(cls, oid: int, context: AdaptContext | None = None) -> Any:
            return fast(oid, None)

    return UtcLoader


def _patient_loader(fast: type[LoaderProtocol]) -> type[LoaderProtocol]:
    """Reads infinity, too, which a datetime can not tell."""

    class PatientLoader(Loader):
        format = fast.format

        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._load = fast(oid, None).load

        def load(self, data: Buffer) -> Any:
            infinity = _INFINITIES.get(bytes(data))
            return self._load(data) if infinity is None else infinity

    return PatientLoader


_INFINITIES: Final[Mapping[bytes, datetime]] = MappingProxyType(
    {
        b"infinity": datetime.max,
        b"-infinity": datetime.min,
        (2**63 - 1).to_bytes(8): datetime.max,
        (-(2**63)).to_bytes(8, signed=True): datetime.min,
    }
)


class DriverAdapters:
    """The adapters of a connection, with those of the driver over them.

    JSON comes as text and times come in UTC; what the connection's owner registered for other
    types stays. The connection's own cursors are left alone.
    """

    def __init__(self, connection: AsyncConnection[Any] | Connection[Any]) -> None:
        self.usual = AdaptersMap(connection.adapters)
        self.usual.register_loader(JSON, _JsonText)
        self.usual.register_loader(JSON, _JsonBinary)
        self.usual.register_loader(JSONB, _JsonText)
        self.usual.register_loader(JSONB, _JsonbBinary)
        self.usual.register_loader(FLOAT4, _Float4Text)
        for carrier, dumper in _ENCODED.values():
            self.usual.register_dumper(carrier, dumper)
        self.patient = AdaptersMap(self.usual)
        for format_ in Format:
            # Not what the connection's owner, such as Django, has for times in another zone.
            times = psycopg_adapters.get_loader(TIMESTAMPTZ, format_)
            if times is not None:
                self.usual.register_loader(TIMESTAMPTZ, _utc_loader(times))
                self.patient.register_loader(TIMESTAMPTZ, _patient_loader(times))

    def has_binary(self, oid: int) -> bool:
        """Whether values of the type can be read in binary format."""
        return self.usual.get_loader(oid, Format.BINARY) is not None


class AsyncDriverCursor(AsyncRawCursor[TupleRow]):
    """A cursor with the driver's adapters."""

    def __init__(self, connection: AsyncConnection[Any], adapters: DriverAdapters) -> None:
        super().__init__(connection, row_factory=tuple_row)
        self.driver_adapters = adapters

    @property
    def adapters(self) -> AdaptersMap:
        """How values are read and written."""
        return self.driver_adapters.usual


class SyncDriverCursor(RawCursor[TupleRow]):
    """A cursor with the driver's adapters."""

    def __init__(self, connection: Connection[Any], adapters: DriverAdapters) -> None:
        super().__init__(connection, row_factory=tuple_row)
        self.driver_adapters = adapters

    @property
    def adapters(self) -> AdaptersMap:
        """How values are read and written."""
        return self.driver_adapters.usual


def read_patiently(
    cursor: AsyncDriverCursor | SyncDriverCursor,
) -> list[TupleRow]:
    """The rows of the cursor, those with infinite times too; slower than `fetchall`."""
    result = cursor.pgresult
    if result is None:
        return []
    reader = Transformer.from_context(cursor.driver_adapters.patient)
    reader.set_pgresult(result)
    return reader.load_rows(0, result.ntuples, tuple)
