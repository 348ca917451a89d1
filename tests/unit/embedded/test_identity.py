from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from pgqueuer.adapters.embedded import identity
from pgqueuer.adapters.embedded.errors import EmbeddedPostgresError
from pgqueuer.adapters.embedded.identity import STAND_INS, ServerUser, server_user

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")
NOBODY = pwd.getpwnam("nobody")


def test_anybody_but_root_is_the_server_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    user = server_user(tmp_path / "18")
    assert (user.uid, user.switch) == (4711, False)


@as_root
def test_a_stand_in_runs_it_for_root(tmp_path: Path) -> None:
    user = server_user(tmp_path / "18")
    assert pwd.getpwuid(user.uid).pw_name in STAND_INS
    assert user.switch


@as_root
@pytest.mark.parametrize("owned", ["base", "base/18", "base/18/data"])
def test_the_owner_of_the_folder_runs_it_for_root(tmp_path: Path, owned: str) -> None:
    folder = tmp_path / "base" / "18"
    (tmp_path / owned).mkdir(parents=True)
    os.chown(tmp_path / owned, NOBODY.pw_uid, NOBODY.pw_gid)
    assert server_user(folder) == ServerUser(uid=NOBODY.pw_uid, gid=NOBODY.pw_gid, switch=True)


@as_root
def test_no_user_to_run_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "STAND_INS", ("no-such-user",))
    with pytest.raises(EmbeddedPostgresError, match="refuses to run as root"):
        server_user(tmp_path / "18")


@as_root
def test_reach_is_that_of_the_other_user(tmp_path: Path) -> None:
    user = ServerUser(uid=NOBODY.pw_uid, gid=NOBODY.pw_gid, switch=True)
    tmp_path.chmod(0o700)
    assert not user.reaches(tmp_path)
    assert user.reaches(Path("/"))
    assert user.run(["/usr/bin/id", "-u"]).stdout.strip() == str(NOBODY.pw_uid)
