"""Bringing PostgreSQL up for the first user; the callers hold `turn.lock`."""

from __future__ import annotations

import json
import os
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
    server_lock = guardian.try_hold(str(folder / "server.lock"))
    if server_lock is None:
        if not guardian.is_held(str(folder / "guardian.lock")):
            spawn_guardian(folder, user)
        wait_until_ready(folder)
        return False
    try:
        # Nobody holds the lock, so the process that the file names is gone, reaped or not.
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        sockets = socket_folder(folder, user)
        usable = binaries.reachable(found, user, folder if user.reaches(folder) else sockets)
        cluster.ensure(folder, usable, user, durable=options.get("fsync") != "off")
        with cluster.data_path(folder / "data", user) as path:
            command = server_command(usable, path.argument, sockets, options)
            spawn_guardian(folder, user, command, (*path.inherited, server_lock))
    finally:
        os.close(server_lock)
    wait_until_ready(folder)
    wire.create_database(socket_address(sockets), cluster.SUPERUSER, DATABASE)
    return True


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
        subprocess.run(  # noqa: S603
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


def wait_until_ready(folder: Path) -> None:
    """Waits until the server takes connections; one that ended instead is an error."""
    deadline = time.monotonic() + START_SECONDS
    while ready_lines(folder) is None:
        ended = not guardian.is_held(str(folder / "server.lock"))
        if ended or time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL in {folder} did not {'start' if ended else 'get ready'}. "
                f"Its log, {folder / 'server.log'}, ends with:\n{log_tail(folder)}"
            )
        time.sleep(guardian.POLL_SECONDS)


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


def log_tail(folder: Path) -> str:
    """The last lines of the server's log."""
    lines = (folder / "server.log").read_text(errors="replace").splitlines()
    return "\n".join(lines[-10:])
