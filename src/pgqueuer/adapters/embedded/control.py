"""Looking at the servers of a folder and stopping them, without a share in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pgqueuer.adapters.embedded import guardian
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.launch import DATABASE, answers, ready_lines
from pgqueuer.adapters.embedded.paths import base_folder, clusters
from pgqueuer.adapters.embedded.server import told_permissions, uri

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """One major version's cluster; `pid` and `dsn` are None unless its server takes connections."""

    major: int
    folder: Path
    running: bool
    pid: int | None
    dsn: str | None


def status(base_dir: str | os.PathLike[str] | None = None) -> list[ClusterStatus]:
    """The clusters under the folder, the highest major version first."""
    return in_turn(base_dir, look)


def stop(base_dir: str | os.PathLike[str] | None = None) -> list[ClusterStatus]:
    """Stops the servers under the folder, also while they are used; returns what ran."""
    return [found for found in in_turn(base_dir, look_and_stop) if found.running]


def in_turn(base_dir: str | os.PathLike[str] | None, act: Callable[[Path], T]) -> list[T]:
    """Does it for every cluster, while nobody starts or stops that cluster's server."""
    base = base_folder(base_dir)
    results = []
    with told_permissions(base):
        for folder in clusters(base):
            with guardian.turn(str(folder)):
                results.append(act(folder))
    return results


def look(folder: Path) -> ClusterStatus:
    """The state of one cluster; the server's own pid file tells the address."""
    running = guardian.is_held(str(folder / "server.lock"))
    lines = ready_lines(folder) if running and answers(folder) else None
    return ClusterStatus(
        major=int(folder.name),
        folder=folder,
        running=running,
        pid=int(lines[0]) if lines else None,
        dsn=uri(Path(lines[4]), DATABASE) if lines else None,
    )


def look_and_stop(folder: Path) -> ClusterStatus:
    """The state of one cluster before its server was stopped."""
    found = look(folder)
    if not guardian.stop_server(str(folder)):
        raise EmbeddedPostgresError(
            f"The server in {folder} does not stop. Its process has the id {found.pid}; "
            f"its log is {folder / 'server.log'}."
        )
    return found
