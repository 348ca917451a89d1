"""Each distribution under plugins/ passes its own tests where pip installed it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.distributions import Environment, pip_install_sources
from tests.support.postgres import TestPostgres

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
FOLDERS = sorted(path.parent for path in PLUGINS.glob("*/pyproject.toml"))
SECONDS = 600.0


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy: building leaves files behind, and the tests must not see what is not installed."""
    copy = tmp_path / request.param.name
    shutil.copytree(request.param, copy, ignore=shutil.ignore_patterns("build", "*.egg-info", ".*"))
    return copy


@pytest.fixture
def installed(source: Path, tmp_path: Path) -> Environment:
    return pip_install_sources([source], tmp_path / "installed")


@pytest.mark.timeout(SECONDS + 60)
def test_it_passes_its_own_tests(source: Path, installed: Environment, pg: TestPostgres) -> None:
    shutil.rmtree(source / "src")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        env={
            **clean_environment(),
            "PYTHONPATH": str(installed.folder),
            "PGQUEUER_TEST_DSN": pg.admin_dsn,
        },
        cwd=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def clean_environment() -> dict[str, str]:
    """Without what this run of pytest would tell the one inside it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "PGQUEUER_"))
    }
    # `pgq` is beside this Python, which need not be the one that the shell finds.
    inherited["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return inherited
