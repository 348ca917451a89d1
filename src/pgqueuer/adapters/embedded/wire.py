"""One statement over a trusted unix socket, without a driver."""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError

PROTOCOL_3_0 = 196608
DUPLICATE_DATABASE = "42P04"


def create_database(address: Path, user: str, name: str) -> None:
    """Creates the database unless it is there; `address` is the socket's file."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(address))
        # Not in the server's log, where an existing database would look like a fault.
        settings = f"user\0{user}\0database\0postgres\0log_min_messages\0panic\0\0"
        error = ask(connection, b"", struct.pack("!i", PROTOCOL_3_0) + settings.encode())
        if error is None:
            error = ask(connection, b"Q", f'CREATE DATABASE "{name}"\0'.encode())
    if error is not None and f"C{DUPLICATE_DATABASE}" not in error.split("\0"):
        text = " ".join(re.findall(r"(?:^|\0)M([^\0]*)", error))
        raise EmbeddedPostgresError(f"The database {name} could not be created: {text}")


def ask(connection: socket.socket, kind: bytes, payload: bytes) -> str | None:
    """Sends one message and reads up to `ready for query`; returns the fields of an error."""
    connection.sendall(kind + struct.pack("!i", 4 + len(payload)) + payload)
    error = None
    while True:
        header = read_exactly(connection, 5)
        answer, size = header[:1], struct.unpack("!i", header[1:])[0]
        content = read_exactly(connection, size - 4)
        if answer == b"E":
            error = content.decode(errors="replace")
            if error.startswith(("SFATAL", "SPANIC")):
                return error
        elif answer == b"Z":
            return error


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """Reads `size` bytes; a server that goes away is an error."""
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise EmbeddedPostgresError("The embedded PostgreSQL closed the connection.")
        data += chunk
    return data
