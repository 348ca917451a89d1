"""Where an embedded server keeps its data and its socket."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import ServerUser

# The kernel's limit is 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 103
PORT = 5432


def base_folder(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The given folder, else `PGQUEUER_EMBEDDED_DIR`, else one under the user's data folder."""
    named = explicit or os.environ.get("PGQUEUER_EMBEDDED_DIR")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        home = Path.home() / "Library" / "Application Support"
    else:
        home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home.absolute() / "pgqueuer" / "embedded"


def clusters(base: Path) -> list[Path]:
    """The folders of the clusters under `base`, the highest major version first."""
    majors = [folder for folder in base.glob("[0-9]*") if folder.name.isdigit()]
    found = [folder for folder in majors if (folder / "data").is_dir()]
    return sorted(found, key=lambda folder: int(folder.name), reverse=True)


def make_folder(folder: Path, user: ServerUser) -> None:
    """Makes a private folder of the server's user, with the folders above it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    user.own(folder)


def socket_address(socket_folder: Path) -> Path:
    """The socket's file, as PostgreSQL names it."""
    return socket_folder / f".s.PGSQL.{PORT}"


def socket_folder(folder: Path, user: ServerUser) -> Path:
    """A private folder for the socket of the cluster in `folder`; always the same one.

    Where the path would be too long for a socket, or the server's user can not get to it, it is
    a folder under the temporary folder, named by a hash.
    """
    inside = folder / "socket"
    if fits(inside) and user.reaches(folder):
        make_folder(inside, user)
        return inside
    return outside_folder(folder, user)


def outside_folder(folder: Path, user: ServerUser) -> Path:
    """A private folder of this cluster under the temporary folder, where its user gets to."""
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    for temporary in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked below
        outside = temporary / f"pgqueuer-{digest}"
        if fits(outside) and user.reaches(temporary):
            return private_folder(outside, user)
    raise EmbeddedPostgresError(
        f"{folder} is out of reach of the user that runs PostgreSQL or too long a path for a "
        "socket, and so is the temporary folder. Name a short one in TMPDIR."
    )


def fits(folder: Path) -> bool:
    """Whether a socket in this folder has a path that the kernel takes."""
    return len(os.fsencode(socket_address(folder))) <= SOCKET_PATH_BYTES


def private_folder(folder: Path, user: ServerUser) -> Path:
    """Makes the folder in a place that anybody may write to; a foreign one is an error."""
    make_folder(folder, user)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not private or found.st_uid != user.uid:
        raise EmbeddedPostgresError(
            f"{folder} is not a private folder of the user that runs PostgreSQL. "
            "Remove it, or set TMPDIR to a folder of your own."
        )
    return folder
