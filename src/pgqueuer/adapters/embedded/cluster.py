"""The data folder of one major version: made aside, then renamed into place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgqueuer.adapters.embedded.binaries import Binaries
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import ServerUser

SUPERUSER = "pgqueuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPath:
    """The data folder as PostgreSQL is told it, and the descriptors that the name needs."""

    argument: str
    inherited: tuple[int, ...]


def ensure(folder: Path, binaries: Binaries, user: ServerUser, *, durable: bool) -> None:
    """Makes `folder/data` unless it is there; the caller holds `turn.lock`.

    A starter that was killed leaves a half-made folder aside, never one in place.
    """
    data = folder / "data"
    for leftover in folder.glob("data.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if data.exists():
        return
    aside = Path(tempfile.mkdtemp(prefix="data.new-", dir=folder))
    user.own(aside)
    initialize(aside, binaries, user, durable=durable)
    aside.rename(data)


def initialize(data: Path, binaries: Binaries, user: ServerUser, *, durable: bool) -> None:
    """Runs `initdb` on an empty folder."""
    with data_path(data, user) as path:
        command = [
            binaries.path("initdb"),
            f"--pgdata={path.argument}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            *([] if durable else ["--no-sync"]),
        ]
        done = user.run(command, env=clean_environment(), pass_fds=path.inherited)
    if done.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise EmbeddedPostgresError(f"`initdb` could not make {data}:\n{done.stdout.strip()}")


@contextmanager
def data_path(data: Path, user: ServerUser) -> Iterator[DataPath]:
    """Names the data folder so that `user` can open it.

    Root may keep it where another user may not enter a folder above. An open descriptor leads
    there all the same, and no permission has to change.
    """
    if user.reaches(data):
        yield DataPath(argument=str(data), inherited=())
        return
    if not Path("/proc/self/fd").is_dir():
        raise EmbeddedPostgresError(
            f"The user that runs PostgreSQL for root may not enter {data}. "
            "Name a folder that every user can reach in PGQUEUER_EMBEDDED_DIR."
        )
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield DataPath(argument=f"/proc/self/fd/{descriptor}", inherited=(descriptor,))
    finally:
        os.close(descriptor)


def clean_environment() -> dict[str, str]:
    """This process's environment without PostgreSQL's variables, which change what it does."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
