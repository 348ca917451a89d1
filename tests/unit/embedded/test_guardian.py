from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgqueuer.adapters.embedded import guardian
from tests.support.waiting import wait_until


def spawn(folder: Path, *command: str, inherited: tuple[int, ...] = ()) -> None:
    plan = {
        "folder": str(folder),
        "command": command,
        "inherited": inherited,
        "user": None,
        "group": None,
    }
    subprocess.run(
        [sys.executable, "-I", "-S", guardian.__file__, json.dumps(plan)],
        pass_fds=inherited,
        check=True,
    )


def test_a_lock_has_one_exclusive_holder_until_it_is_closed(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    descriptor = guardian.try_hold(path)
    assert descriptor is not None
    assert guardian.is_held(path)
    assert guardian.try_hold(path) is None
    os.close(descriptor)
    assert not guardian.is_held(path)


def test_users_share_and_are_seen(tmp_path: Path) -> None:
    users = str(tmp_path / "users.lock")
    assert not guardian.has_users(str(tmp_path))
    shares = [guardian.hold(users, shared=True) for _ in range(2)]
    assert guardian.has_users(str(tmp_path))
    os.close(shares[0])
    assert guardian.has_users(str(tmp_path))
    os.close(shares[1])
    assert not guardian.has_users(str(tmp_path))


def test_asking_for_users_takes_no_share_away(tmp_path: Path) -> None:
    share = guardian.hold(str(tmp_path / "users.lock"), shared=True)
    for _ in range(3):
        assert guardian.has_users(str(tmp_path))
    os.close(share)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_lock_file_that_root_creates_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    os.close(guardian.open_lock(str(tmp_path / "a.lock")))
    assert (tmp_path / "a.lock").stat().st_uid == 12345


def test_stopping_where_nothing_runs_is_done_at_once(tmp_path: Path) -> None:
    assert guardian.stop_server(str(tmp_path))


def test_a_pid_file_without_a_running_server_gets_nobody_signaled(tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postmaster.pid").write_text(f"{sleeper.pid}\n")
    assert guardian.stop_server(str(tmp_path))
    assert guardian.postmaster_pid(str(tmp_path)) is None
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_a_guardian_ends_with_the_last_user(tmp_path: Path) -> None:
    share = guardian.hold(str(tmp_path / "users.lock"), shared=True)
    spawn(tmp_path)
    assert guardian.is_held(str(tmp_path / "guardian.lock"))
    os.close(share)
    guardian.wait_for_end(str(tmp_path))
    assert not guardian.is_held(str(tmp_path / "guardian.lock"))


def test_there_is_one_guardian(tmp_path: Path) -> None:
    share = guardian.hold(str(tmp_path / "users.lock"), shared=True)
    spawn(tmp_path)
    first = (tmp_path / "guardian.lock").read_text()
    spawn(tmp_path)
    assert (tmp_path / "guardian.lock").read_text() == first
    os.close(share)
    guardian.wait_for_end(str(tmp_path))


def test_what_it_starts_keeps_the_lock_that_it_was_handed(tmp_path: Path) -> None:
    """The server is stopped by the last user's end, and its lock tells that it is gone."""
    share = guardian.hold(str(tmp_path / "users.lock"), shared=True)
    server_lock = guardian.try_hold(str(tmp_path / "server.lock"))
    assert server_lock is not None
    (tmp_path / "data").mkdir()
    data = tmp_path / "data"
    # A run in the background of a shell hands down an ignored SIGINT.
    serve = (
        "import os, pathlib, signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        f"os.chdir({str(data)!r}); "
        "pathlib.Path('postmaster.pid').write_text(f'{os.getpid()}\\n'); "
        "time.sleep(600)"
    )
    spawn(tmp_path, sys.executable, "-c", serve, inherited=(server_lock,))
    os.close(server_lock)
    wait_until(lambda: guardian.postmaster_pid(str(tmp_path)), "the command was up")
    assert guardian.is_held(str(tmp_path / "server.lock"))
    os.close(share)
    wait_until(lambda: not guardian.is_held(str(tmp_path / "server.lock")), "it was stopped")
    guardian.wait_for_end(str(tmp_path))
