from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import caller
from pgqueuer.adapters.embedded.paths import (
    SOCKET_PATH_BYTES,
    base_folder,
    clusters,
    private_folder,
    socket_address,
    socket_folder,
)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")


def test_the_default_folder_is_under_the_users_data_folder() -> None:
    assert base_folder() == Path("/home/somebody/.local/share/pgqueuer/embedded")


def test_the_default_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert base_folder() == Path("/data/pgqueuer/embedded")


def test_the_default_folder_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert base_folder() == Path("/home/somebody/Library/Application Support/pgqueuer/embedded")


def test_the_variable_beats_the_default_and_an_argument_beats_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGQUEUER_EMBEDDED_DIR", "~/mine")
    assert base_folder() == Path("/home/somebody/mine")
    assert base_folder("relative") == Path.cwd() / "relative"


def test_clusters_come_with_the_highest_version_first(tmp_path: Path) -> None:
    for name in ("9", "18", "17", "17.bak"):
        (tmp_path / name / "data").mkdir(parents=True)
    (tmp_path / "16").mkdir()
    assert [folder.name for folder in clusters(tmp_path)] == ["18", "17", "9"]
    assert clusters(tmp_path / "missing") == []


def test_the_socket_is_in_the_clusters_folder_where_that_is_short(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pgq-"))
    assert socket_folder(folder, caller()) == folder / "socket"
    assert (folder / "socket").stat().st_mode & 0o777 == 0o700
    (folder / "socket").rmdir()
    folder.rmdir()


def test_a_long_path_gets_one_short_private_folder_every_time(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    chosen = socket_folder(deep, caller())
    assert chosen == socket_folder(deep, caller())
    assert len(os.fsencode(socket_address(chosen))) <= SOCKET_PATH_BYTES
    assert chosen.stat().st_mode & 0o777 == 0o700
    chosen.rmdir()


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match="not a private folder"):
        private_folder(shared, caller())


def test_a_link_to_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "private")
    with pytest.raises(EmbeddedPostgresError, match="not a private folder"):
        private_folder(tmp_path / "link", caller())
