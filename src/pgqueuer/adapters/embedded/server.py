"""A share of the embedded server: taken by starting or joining it, given back by closing."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pgqueuer.adapters.embedded import binaries, cluster, guardian
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import ServerUser, server_user
from pgqueuer.adapters.embedded.launch import DATABASE, ensure_running, socket_in_use
from pgqueuer.adapters.embedded.paths import (
    PORT,
    base_folder,
    clusters,
    make_folder,
)

CONFLICTING_VARIABLES = (
    "PGQUEUER_DSN",
    "PGDSN",
    "PGCHANNELBINDING",
    "PGGSSENCMODE",
    "PGHOSTADDR",
    "PGPASSWORD",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGSERVICE",
    "PGSSLMODE",
    "PGSSLNEGOTIATION",
    "PGTARGETSESSIONATTRS",
)

logger = logging.getLogger(__name__)


class EmbeddedServer:
    """One user's share of a running server; the last one to close it stops the server.

    `started` tells whether this user started the server or joined it. A process that ends
    without closing gives its share back too, however it ends.
    """

    def __init__(
        self, *, folder: Path, bindir: Path, socket_dir: Path, started: bool, share: int
    ) -> None:
        self.folder = folder
        self.bindir = bindir
        self.socket_dir = socket_dir
        self.started = started
        self._share: int | None = share

    @property
    def major(self) -> int:
        """The server's major version, such as 18."""
        return int(self.folder.name)

    def dsn(self, database: str = DATABASE) -> str:
        """A URI that asyncpg and psycopg accept; good for as long as the server runs."""
        return uri(self.socket_dir, database)

    def environment(self, database: str = DATABASE) -> dict[str, str]:
        """The libpq variables that make `connect()` without arguments reach the server."""
        return {
            "PGHOST": str(self.socket_dir),
            "PGPORT": str(PORT),
            "PGUSER": cluster.SUPERUSER,
            "PGDATABASE": database,
        }

    def close(self) -> None:
        """Gives the share back; may be called again."""
        if self._share is None:
            return
        # Closed, not unlocked: a forked child has the same share and may still use it.
        os.close(self._share)
        self._share = None
        with guardian.turn(str(self.folder)):
            if guardian.has_users(str(self.folder)):
                return
            guardian.stop_server(str(self.folder))
        guardian.wait_for_end(str(self.folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def uri(sockets: Path, database: str) -> str:
    """The URI of a database of the server that has its socket in this folder."""
    host = quote(str(sockets), safe="")
    return f"postgresql://{cluster.SUPERUSER}@/{quote(database)}?host={host}&port={PORT}"


def start(
    base_dir: str | os.PathLike[str] | None = None,
    bindir: str | os.PathLike[str] | None = None,
    options: Mapping[str, str] | None = None,
) -> EmbeddedServer:
    """Starts the server of this folder, or joins the one that runs.

    `options` are settings of PostgreSQL, such as `{"fsync": "off"}`; they count for the user
    that starts the server. Each major version has its own cluster under the folder. Raises
    EmbeddedPostgresError when there are no binaries or the server does not come up.
    """
    found = binaries.find(bindir)
    base = base_folder(base_dir)
    folder = base / str(found.major)
    user = server_user(folder)
    with told_permissions(base):
        warn_of_other_clusters(base, folder)
        make_folder(folder, user)
        return share_server(folder, found, user, options or {})


@contextmanager
def told_permissions(base: Path) -> Iterator[None]:
    """Says what to do about a folder of another user."""
    try:
        yield
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{error.filename or base} belongs to another user. Run as that user, or name "
            "another folder in PGQUEUER_EMBEDDED_DIR."
        ) from error


def warn_of_other_clusters(base: Path, folder: Path) -> None:
    """A new major version begins with an empty cluster, which may look like lost jobs."""
    others = [other.name for other in clusters(base)]
    if others and folder.name not in others:
        logger.warning(
            "Starting an empty PostgreSQL %s in %s, which has data of PostgreSQL %s; name the "
            "binaries of that version in PGQUEUER_EMBEDDED_BINDIR to use it.",
            folder.name,
            base,
            ", ".join(others),
        )


def share_server(
    folder: Path, found: binaries.Binaries, user: ServerUser, options: Mapping[str, str]
) -> EmbeddedServer:
    """Takes a turn and a share, and leaves with a server that answers and has a guardian."""
    with guardian.turn(str(folder)):
        share = guardian.hold(str(folder / "users.lock"), shared=True)
        try:
            started = ensure_running(folder, found, user, options)
            sockets = socket_in_use(folder)
        except BaseException:
            os.close(share)
            raise
    return EmbeddedServer(
        folder=folder, bindir=found.folder, socket_dir=sockets, started=started, share=share
    )


def join_for_process() -> EmbeddedServer:
    """Starts or joins the server, for this process until it ends.

    Sets the libpq variables in `os.environ`, and removes those that would lead elsewhere, such
    as `PGDSN` and `PGHOSTADDR`.
    """
    server = start()
    for name in CONFLICTING_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(server.environment())
    atexit.register(server.close)
    return server
