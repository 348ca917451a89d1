"""Folders for servers under test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
PLENTY = 3 * 2**30


def memory() -> Path | None:
    """A file system in memory with plenty of room, if there is one: ten times as fast."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > PLENTY:
        return MEMORY
    return None


@contextmanager
def embedded_base(place: Path | None = None) -> Iterator[Path]:
    """A base folder for embedded servers that every user can reach; stops what runs there."""
    from pgqueuer.adapters import embedded
    from pgqueuer.adapters.embedded import guardian

    base = Path(tempfile.mkdtemp(prefix="pgq-", dir=place))
    base.chmod(0o755)
    try:
        yield base
    finally:
        embedded.stop(base)
        for cluster in embedded.status(base):
            guardian.wait_for_end(str(cluster.folder))
        shutil.rmtree(base)
