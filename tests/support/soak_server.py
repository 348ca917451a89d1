"""A PostgreSQL server of a test's own, to be restarted as roughly as the test likes."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgqueuer.adapters.embedded import binaries, cluster
from pgqueuer.adapters.embedded.identity import ServerUser, server_user
from tests.support.places import memory
from tests.support.waiting import wait_until

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
}
"""Survives the end of its processes, not that of the machine."""


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """Listens on a port of this machine, the same after each restart."""

    folder: Path
    bindir: Path
    port: int
    user: ServerUser

    @property
    def dsn(self) -> str:
        return f"postgresql://{cluster.SUPERUSER}@127.0.0.1:{self.port}/postgres"

    def control(self, *args: str) -> None:
        """Run `pg_ctl` with these arguments, and wait for what it does."""
        command = [str(self.bindir / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *args]
        done = self.user.run(command, env=cluster.clean_environment())
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        options = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        log = str(self.folder / "log")
        self.control("start", "-l", log, "-o", f"-p {self.port} {options}")
        wait_until(self.answers, "the server answered")

    def restart(self, mode: str) -> None:
        """Stop it in this mode, `fast` or `immediate`, and start it again."""
        self.control("stop", "-m", mode)
        self.start()

    def answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def own_server(bindir: Path) -> Iterator[OwnServer]:
    """A running server with an empty database `postgres`, for the block."""
    folder = Path(tempfile.mkdtemp(prefix="pgq-", dir=memory()))
    user = server_user(folder)
    user.own(folder)
    server = OwnServer(folder=folder, bindir=bindir, port=free_port(), user=user)
    (folder / "data").mkdir()
    user.own(folder / "data")
    cluster.initialize(folder / "data", binaries.find(bindir), user, durable=False)
    server.start()
    try:
        yield server
    finally:
        server.control("stop", "-m", "immediate")
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
