"""Bringing PostgreSQL up for the first user; the callers hold `turn.lock`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from pgqueuer.adapters.embedded import binaries, cluster, guardian, wire
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import ServerUser
from pgqueuer.adapters.embedded.paths import PORT, socket_address, socket_folder

DATABASE = "pgqueuer"
START_SECONDS = 60.0
LOG_BYTES = 10_000_000


def ensure_running(
    folder: Path, found: binaries.Binaries, user: ServerUser, options: Mapping[str, str]
) -> bool:
    """Whether the server had to be started; it answers then, and has the database."""
    deadline = time.monotonic() + START_SECONDS
    while (server_lock := guardian.try_hold(str(folder / "server.lock"))) is None:
        if answers(folder):
            if not guardian.is_held(str(folder / "guardian.lock")):
                spawn_guardian(folder, user)
            return False
        # It starts for a user who was killed meanwhile, or its last processes are about to end.
        if time.monotonic() > deadline:
            raise failure(folder, "does not answer")
        time.sleep(guardian.POLL_SECONDS)
    try:
        launch(folder, found, user, options, server_lock)
    finally:
        os.close(server_lock)
    wait_until_up(folder, deadline)
    wire.create_database(socket_address(socket_in_use(folder)), cluster.SUPERUSER, DATABASE)
    return True


def launch(
    folder: Path,
    found: binaries.Binaries,
    user: ServerUser,
    options: Mapping[str, str],
    server_lock: int,
) -> None:
    """Makes the cluster if there is none, and hands PostgreSQL to the guardian to run."""
    sockets = socket_folder(folder, user)
    remove_stale_files(folder, sockets)
    usable = binaries.reachable(found, user, folder)
    cluster.ensure(folder, usable, user, durable=options.get("fsync") != "off")
    with cluster.data_path(folder / "data", user) as path:
        command = server_command(usable, path.argument, sockets, options)
        spawn_guardian(folder, user, command, (*path.inherited, server_lock))


def remove_stale_files(folder: Path, sockets: Path) -> None:
    """Removes what a killed server left; nobody holds `server.lock`, so it is gone for sure.

    PostgreSQL would believe the process id in these files: of a process that nobody reaped, as
    in a container whose first process does not, or of a stranger who got the number since.
    """
    (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
    address = socket_address(sockets)
    address.with_name(f"{address.name}.lock").unlink(missing_ok=True)


def server_command(
    found: binaries.Binaries, data: str, sockets: Path, options: Mapping[str, str]
) -> list[str]:
    """The command that runs PostgreSQL, without TCP and with a socket for its user alone."""
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        **options,
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [found.path("postgres"), "-D", data, *arguments]


def spawn_guardian(
    folder: Path, user: ServerUser, command: Sequence[str] = (), inherited: Sequence[int] = ()
) -> None:
    """Runs the guardian's script, which leaves this process at once.

    The script starts `command`, and guards unless a guardian is there.
    """
    plan = {
        "folder": str(folder),
        "command": list(command),
        "inherited": list(inherited),
        "user": user.uid if user.switch else None,
        "group": user.gid if user.switch else None,
    }
    with open_log(folder, user) as log:
        subprocess.run(  # noqa: S603 - no shell, and no words of others
            [sys.executable, "-I", "-S", guardian.__file__, json.dumps(plan)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
            cwd="/",
            env=cluster.clean_environment(),
            pass_fds=inherited,
        )


def open_log(folder: Path, user: ServerUser) -> BinaryIO:
    """The server's log, begun anew when it has grown large."""
    path = folder / "server.log"
    large = path.exists() and path.stat().st_size > LOG_BYTES
    log = path.open("wb" if large else "ab")
    user.own(path)
    return log


def wait_until_up(folder: Path, deadline: float) -> None:
    """Waits until the server answers; one that ended instead is an error."""
    while not answers(folder):
        if not guardian.is_held(str(folder / "server.lock")):
            raise failure(folder, "did not start")
        if time.monotonic() > deadline:
            raise failure(folder, "did not get ready")
        time.sleep(guardian.POLL_SECONDS)


def answers(folder: Path) -> bool:
    """Whether the server says that it is ready and takes a connection.

    What it said before it was killed counts for nothing.
    """
    lines = ready_lines(folder)
    if lines is None:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(socket_address(Path(lines[4])))) == 0


def ready_lines(folder: Path) -> list[str] | None:
    """The lines of the server's pid file, or None while it takes no connections."""
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return lines if len(lines) >= 8 and lines[7].strip() == "ready" else None


def socket_in_use(folder: Path) -> Path:
    """Where the running server has its socket; its starter chose the folder."""
    lines = ready_lines(folder)
    if lines is None:
        raise EmbeddedPostgresError(f"The embedded PostgreSQL in {folder} went away; try again.")
    return Path(lines[4])


def failure(folder: Path, what: str) -> EmbeddedPostgresError:
    """The error for a server that does not do what it should, with the end of its log."""
    log = folder / "server.log"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    return EmbeddedPostgresError(
        f"The embedded PostgreSQL in {folder} {what}. Its log, {log}, ends with:\n{tail}"
    )
