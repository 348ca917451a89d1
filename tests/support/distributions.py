"""Small distributions that pip builds from source and installs, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

# A PEP 517 backend inside each source tree: pip runs it as any other, and nothing is downloaded.
BACKEND = """
import tomllib, zipfile
from pathlib import Path

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    stem = project["name"].replace("-", "_") + "-" + project["version"]
    info = stem + ".dist-info"
    points = project.get("entry-points", {})
    files = {path.name: path.read_text() for path in Path("src").iterdir()}
    files[info + "/METADATA"] = (
        f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: {project['version']}\\n"
    )
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[info + "/entry_points.txt"] = "".join(
        f"[{group}]\\n" + "".join(f"{name} = {value}\\n" for name, value in table.items())
        for group, table in points.items()
    )
    record = info + "/RECORD"
    files[record] = "".join(f"{name},,\\n" for name in [*files, record])
    with zipfile.ZipFile(Path(wheel_directory, stem + "-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return stem + "-py3-none-any.whl"
"""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "{version}"

[project.entry-points.pgqueuer]
{entry_points}
"""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A source tree to be: modules by name, and entry points of the group `pgqueuer`."""

    name: str
    version: str
    entry_points: Mapping[str, str]
    modules: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Lay the source tree out; return its root."""
        root = folder / self.name
        (root / "src").mkdir(parents=True)
        (root / "backend.py").write_text(BACKEND)
        points = "\n".join(f'{name} = "{value}"' for name, value in self.entry_points.items())
        (root / "pyproject.toml").write_text(
            PYPROJECT.format(name=self.name, version=self.version, entry_points=points)
        )
        for name, source in self.modules.items():
            (root / "src" / f"{name}.py").write_text(dedent(source))
        return root


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A folder that pip installed into, put before everything else for new processes."""

    folder: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python with `command` beside the installed distributions."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PGQUEUER_")
        }
        return subprocess.run(
            [sys.executable, *command],
            env={**inherited, **variables, "PYTHONPATH": str(self.folder)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def pip_install(distributions: Iterable[Distribution], folder: Path) -> Environment:
    """Build and install the distributions by pip into a folder of their own."""
    sources = [one.write(folder / "sources") for one in distributions]
    return pip_install_sources(sources, folder / "installed")


def pip_install_sources(sources: Iterable[Path], target: Path) -> Environment:
    """The same for source trees that are there; building leaves files in them."""
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *sources],
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=True,
        timeout=300,
    )
    return Environment(folder=target)
