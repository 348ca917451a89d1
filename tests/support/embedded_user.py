"""A process that uses the embedded server: as a script, and as the handle of one that runs.

The script prints what it got as one line of JSON, then closes at the end of its input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


class UserProcess:
    """One user of the server in a process of its own."""

    def __init__(self, base: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(base)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._answer: dict[str, Any] | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """What the process got: `dsn`, `started`."""
        if self._answer is None:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, f"the user ended with {self.process.wait()}"
            self._answer = json.loads(line)
        return self._answer

    def leave(self) -> None:
        """Lets the process close its share and waits for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait() == 0
        self._forget()

    def kill(self) -> None:
        """Kills the process with SIGKILL and waits for its end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._forget()

    def _forget(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def main(base: str) -> None:
    """Takes a share and holds it until the input ends."""
    from pgqueuer.adapters import embedded

    with embedded.start(base, options={"fsync": "off"}) as server:
        sys.stdout.write(json.dumps({"dsn": server.dsn(), "started": server.started}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
