"""A PostgreSQL server of one's own, to restart, stop and start as a fault."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from pgqueuer.adapters.embedded import binaries, cluster
from pgqueuer.adapters.embedded.identity import ServerUser, server_user
from tests.support.places import memory

SETTINGS = {
    # A killed server loses nothing that the operating system has; the machine is not killed.
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_connections": "200",
    "superuser_reserved_connections": "3",
}


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """A server that only the test knows, over TCP as in production; no superuser is needed."""

    control: str
    data: Path
    port: int
    user: ServerUser

    def dsn(self, database: str = "postgres") -> str:
        """The URI of a database."""
        return f"postgresql://{cluster.SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create(self, name: str) -> str:
        """Create a database; returns its DSN."""
        with psycopg.connect(self.dsn(), autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        return self.dsn(name)

    def start(self) -> None:
        """Start and wait until it answers."""
        self._control("start", "-l", f"{self.data}/log")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and wait until it has gone; connections are refused then."""
        self._control("stop", "-m", mode)

    def restart(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop as told, and start."""
        self._control("restart", "-m", mode, "-l", f"{self.data}/log")

    def terminate_backends(self, database: str) -> None:
        """End every other connection to the database."""
        with psycopg.connect(self.dsn(), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database],
            )

    def _control(self, *words: str) -> None:
        # To a file: the server keeps its parent's output open.
        command = [self.control, "-w", "-s", "-t", "60", "-D", str(self.data), *words]
        shell = ["/bin/sh", "-c", '"$@" >"$0" 2>&1', f"{self.data}/control", *command]
        done = self.user.run(shell, env=cluster.clean_environment())
        assert done.returncode == 0, Path(f"{self.data}/control").read_text()


@contextmanager
def own_server(bindir: Path) -> Iterator[OwnServer]:
    """A server for the block, from these binaries."""
    folder = Path(tempfile.mkdtemp(prefix="pgqfault-", dir=memory()))
    try:
        folder.chmod(0o755)
        user = server_user(folder)
        found = binaries.reachable(binaries.find(bindir), user, folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        user.own(data)
        cluster.initialize(data, found, user, durable=False)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = SETTINGS | {
            "listen_addresses": "'127.0.0.1'",
            "port": str(port),
            "unix_socket_directories": "''",
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        server = OwnServer(control=found.path("pg_ctl"), data=data, port=port, user=user)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)
