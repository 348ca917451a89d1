"""Real `python -m pgqueuer` processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0
"""Seconds to wait for anything; long, as it only matters when something is broken."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a process ended and what it printed."""

    code: int
    stdout: str
    stderr: str


def pgq(
    *args: str,
    dsn: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Outcome:
    """Run `pgq` with these arguments to its end, in an environment without any PG variable."""
    done = subprocess.run(
        command(args),
        env=environment(dsn, env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Outcome(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@dataclass(kw_only=True)
class Running:
    """A process that is still going on; its output can be waited for."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    readers: list[threading.Thread] = field(default_factory=list)

    def wait_for(self, text: str, count: int = 1) -> str:
        """The line of stdout or stderr that has `text` for the `count`th time."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while len(found := [line for line in self.lines if text in line]) < count:
                ended = self.process.poll() is not None and not self._reading()
                left = deadline - time.monotonic()
                if ended or left <= 0:
                    raise AssertionError(f"no {text!r} in:\n{self.output}")
                self.changed.wait(min(left, 0.2))
        return found[count - 1]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code; waits for the end, and for all output."""
        code = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        return code

    @property
    def output(self) -> str:
        """All that was printed so far."""
        return "\n".join(self.lines)

    def _reading(self) -> bool:
        return any(reader.is_alive() for reader in self.readers)

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()


@contextmanager
def pgq_running(
    *args: str,
    dsn: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Running]:
    """`pgq` with these arguments, killed at the end of the block if need be."""
    process = subprocess.Popen(
        command(args),
        env=environment(dsn, env),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    running = Running(process=process)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout as out, process.stderr as err:
        for stream in (out, err):
            reader = threading.Thread(target=running._read, args=(stream,), daemon=True)
            running.readers.append(reader)
            reader.start()
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            running.wait()


def command(args: Sequence[str]) -> list[str]:
    """The command line that runs `pgq` with this interpreter."""
    return [sys.executable, "-m", "pgqueuer", *args]


def environment(dsn: str | None, extra: Mapping[str, str] | None) -> dict[str, str]:
    """Ours without what configures a database or the queue."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    kept["PYTHONUNBUFFERED"] = "1"
    if dsn is not None:
        kept["PGDSN"] = dsn
    return kept | dict(extra or {})
