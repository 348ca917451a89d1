"""A real PgBouncer in front of a database, where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.postgres import to_uri

PATIENCE = 20.0


@contextmanager
def pgbouncer(dsn: str, pool_mode: str) -> Iterator[str]:
    """The DSN of the same database through a pooler; skips the test where there is none."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    server = conninfo_to_dict(dsn)
    folder = Path(tempfile.mkdtemp(prefix="pgqbouncer-"))
    folder.chmod(0o777)
    (folder / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"{server['dbname']} = host={server['host']} port={server['port']} user={server['user']}\n"
        "[pgbouncer]\n"
        f"pool_mode = {pool_mode}\n"
        "auth_type = any\n"
        "listen_port = 6432\n"
        f"unix_socket_dir = {folder}\n"
        "ignore_startup_parameters = extra_float_digits\n" + _other_user(str(server["host"]))
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "-q", str(folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    through = to_uri({**server, "host": str(folder), "port": 6432})
    try:
        _wait_until_up(through, process, folder / "log")
        yield through
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder)


def _other_user(socket: str) -> str:
    """PgBouncer refuses to run as root; the owner of the server's socket may use that."""
    if os.getuid() != 0:
        return ""
    owner = os.stat(socket).st_uid if socket.startswith("/") else 0
    return f"user = {pwd.getpwuid(owner).pw_name if owner else 'nobody'}\n"


def _wait_until_up(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"pgbouncer: {error}\n{log.read_text()}") from error
            time.sleep(0.05)
        else:
            return
