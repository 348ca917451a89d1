"""What a user gets from `pip install pgqueuer`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src", "pgq_plugins")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=ignored)
        else:
            shutil.copy(path, source)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", target, source)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_holds_two_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"pgqueuer", "pgq_plugins"}


def test_the_wheel_has_every_file_of_the_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {
        str(path.relative_to(base))
        for base, package in ((ROOT / "src", "pgqueuer"), (ROOT, "pgq_plugins"))
        for path in (base / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert packed == sources
    assert {"pgqueuer/py.typed", "pgq_plugins/py.typed"} <= packed


@pytest.fixture(scope="module")
def plain_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel)
    return folder / "bin"


def test_a_plain_install_runs_a_worker(plain_environment, dsn, tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text(
        "import os\n"
        "from contextlib import asynccontextmanager\n"
        "import asyncpg\n"
        "from pgqueuer import AsyncpgDriver, PgQueuer\n"
        "@asynccontextmanager\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(os.environ['PGDSN'])\n"
        "    pgq = PgQueuer(AsyncpgDriver(connection))\n"
        "    @pgq.entrypoint('greet')\n"
        "    async def greet(job):\n"
        "        print('Hello,', job.payload.decode())\n"
        "    yield pgq\n"
        "    await connection.close()\n"
    )
    monkeypatch.setenv("PGDSN", dsn)
    pgq = plain_environment / "pgq"
    run(pgq, "install", cwd=tmp_path)
    assert run(pgq, "queue", "greet", "World", cwd=tmp_path) == "Enqueued job 1.\n"
    output = run(pgq, "run", "app:main", "--mode", "drain", cwd=tmp_path)
    assert "Hello, World" in output
    assert run(pgq, "failed", cwd=tmp_path) == "No failed jobs.\n"


def test_the_version_comes_from_the_distribution(plain_environment, wheel):
    version = wheel.name.split("-")[1]
    code = "import pgqueuer; print(pgqueuer.__version__)"
    assert run(plain_environment / "python", "-c", code).strip() == version
    assert version in run(plain_environment / "pgq", "--version")
