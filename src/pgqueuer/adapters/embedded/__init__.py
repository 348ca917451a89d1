"""A local PostgreSQL whose data lives in a folder, shared by all the processes that ask for it."""

from __future__ import annotations

import sys

from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError

if sys.platform == "win32":
    raise EmbeddedPostgresError(
        "There is no embedded PostgreSQL on Windows. Name a server with --pg-dsn or PGDSN."
    )
else:
    from pgqueuer.adapters.embedded.control import ClusterStatus, status, stop
    from pgqueuer.adapters.embedded.server import EmbeddedServer, join_for_process, start

__all__ = [
    "ClusterStatus",
    "EmbeddedPostgresError",
    "EmbeddedServer",
    "join_for_process",
    "start",
    "status",
    "stop",
]
