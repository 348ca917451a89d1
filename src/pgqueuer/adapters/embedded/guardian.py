"""The process that outlives every user of the server and stops it after the last one.

A user that is killed with SIGKILL can not stop the server, so a guardian waits for the users'
lock instead. It also is the parent of PostgreSQL and reaps it. It runs as a script under
`python -I -S`, to be small, and therefore imports nothing of the package.

Four lock files in a cluster's folder say who is there; the kernel drops a lock with its holder:

- `turn.lock`: one process at a time looks at the server, starts it or stops it;
- `users.lock`: every user holds it, shared;
- `server.lock`: PostgreSQL holds it, by inheritance, so that no process id has to be believed;
- `guardian.lock`: the guardian holds it, and its process id is the content.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

POLL_SECONDS = 0.01
END_SECONDS = 5.0
STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))


def hold(path: str, *, shared: bool = False) -> int:
    """Waits for the lock; closing the returned descriptor gives it back."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return descriptor


def try_hold(path: str) -> int | None:
    """The exclusive lock's descriptor, or None when another process has the lock."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_held(path: str) -> bool:
    """Whether a process has the lock."""
    descriptor = try_hold(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def has_users(folder: str) -> bool:
    """Whether anybody has a share; the caller holds `turn.lock`.

    The guardian may have the lock for an instant. Waiting for a share of one's own first, then
    asking for all of it, does not take the guardian for a user.
    """
    descriptor = hold(os.path.join(folder, "users.lock"), shared=True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def open_lock(path: str) -> int:
    """Opens the file; one that root creates belongs to the folder's owner, who may come next."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        owner = os.stat(os.path.dirname(path))
        if os.geteuid() == 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor


@contextmanager
def turn(folder: str) -> Iterator[None]:
    """Keeps every other process from looking at, starting or stopping the server."""
    descriptor = hold(os.path.join(folder, "turn.lock"))
    try:
        yield
    finally:
        os.close(descriptor)


def stop_server(folder: str) -> bool:
    """Stops the server of this folder and waits; the caller holds `turn.lock`.

    False when it did not stop: then it does not answer signals, or is out of sight.
    """
    for signal_number, patience in STOP_STEPS:
        signaled = None
        deadline = time.monotonic() + patience
        while is_held(os.path.join(folder, "server.lock")):
            pid = postmaster_pid(folder)
            if pid != signaled and pid is not None:
                os.kill(pid, signal_number)
                signaled = pid
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        else:
            return True
    return False


def postmaster_pid(folder: str) -> int | None:
    """The id of the server's first process, or None when it has none that we may signal."""
    data = os.path.join(folder, "data")
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as file:
            pid = int(file.readline())
        # A folder shared between containers names a process of another container.
        seen = not os.path.isdir("/proc/self") or os.path.samefile(f"/proc/{pid}/cwd", data)
    except (OSError, ValueError):
        return None
    return pid if seen else None


def guard(folder: str, own_lock: int) -> None:
    """Waits until no user is left, then stops the server.

    It lets go of the users' lock before it takes a turn: starters wait for them in that order.
    """
    while True:
        os.close(hold(os.path.join(folder, "users.lock")))
        with turn(folder):
            if not has_users(folder):
                stop_server(folder)
                # Before the turn ends, or the next starter would believe it has a guardian.
                os.close(own_lock)
                return


def wait_for_end(folder: str) -> None:
    """Waits until the guardian has gone, so that the folder may be removed, or stays for others."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        with turn(folder):
            if has_users(folder) or not is_held(os.path.join(folder, "guardian.lock")):
                return
        time.sleep(POLL_SECONDS)


def main(argument: str) -> None:
    """Leaves the caller's session, starts PostgreSQL if asked to, guards if nobody does."""
    plan = json.loads(argument)
    folder = plan["folder"]
    own_lock = try_hold(os.path.join(folder, "guardian.lock"))
    child = os.fork()
    if child:
        if own_lock is not None:
            os.truncate(own_lock, os.pwrite(own_lock, f"{child}\n".encode(), 0))
        os._exit(0)
    os.setsid()
    if plan["command"]:
        launch(plan["command"], plan["inherited"], plan["user"], plan["group"])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if own_lock is not None:
        guard(folder, own_lock)
    os._exit(0)


def launch(command: list[str], inherited: list[int], user: int | None, group: int | None) -> None:
    """Starts PostgreSQL, which alone keeps the inherited descriptors, such as `server.lock`."""
    subprocess.Popen(  # noqa: S603 - no shell, and no words of others
        command,
        cwd="/",
        pass_fds=inherited,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    for descriptor in inherited:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1])
