"""The operating system user that runs PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError

STAND_INS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUser:
    """Who runs the server; `switch` tells that the calling process is somebody else: root."""

    uid: int
    gid: int
    switch: bool

    def own(self, path: Path) -> None:
        """Gives the file or folder to this user."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether the user may enter `path` through all the folders above it."""
        if not self.switch:
            return True
        test = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
        return self.run(test).returncode == 0

    def run(
        self,
        command: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command as this user, away from folders that the user may not enter."""
        return subprocess.run(  # noqa: S603 - no shell, and no words of others
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=env,
            pass_fds=pass_fds,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
        )


def caller() -> ServerUser:
    """The calling user."""
    return ServerUser(uid=os.geteuid(), gid=os.getegid(), switch=False)


def server_user(folder: Path) -> ServerUser:
    """The calling user; for root the folder's owner, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return caller()
    owner = owner_of(folder)
    if owner is not None:
        return owner
    for name in STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run "
        "it. Create one of them, or run this command as another user."
    )


def owner_of(folder: Path) -> ServerUser | None:
    """The owner of the folder, if it exists and belongs to a known user other than root."""
    for place in (folder / "data", folder, folder.parent):
        try:
            entry = pwd.getpwuid(place.stat().st_uid)
        except (FileNotFoundError, KeyError):
            continue
        if entry.pw_uid != 0:
            return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    return None
