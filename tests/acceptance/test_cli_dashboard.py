"""`pgq dashboard` in a real terminal, and where there is none."""

from __future__ import annotations

import os
import pty
import subprocess
import time

import pytest

from tests.support.cli import PATIENCE, command, environment, pgq

ALTERNATE_SCREEN = b"\x1b[?1049h"


def in_terminal(dsn: str, *options: str, quit_at: bytes | None = None) -> tuple[bytes, int]:
    """What the command writes to a terminal, and its exit code; `q` is pressed at `quit_at`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(["dashboard", *options]),
        env=environment(dsn, {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown, pressed = b"", False
    deadline = time.monotonic() + PATIENCE
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
            if quit_at is not None and not pressed and quit_at in shown:
                os.write(ours, b"q")
                pressed = True
            assert time.monotonic() < deadline, shown[-2000:]
    except OSError:
        pass  # Linux tells the end of a terminal by EIO
    finally:
        os.close(ours)
        code = process.wait(PATIENCE)
    return shown, code


def test_a_terminal_gets_the_live_view_until_q(queue_dsn):
    shown, code = in_terminal(queue_dsn, quit_at=b"Oldest queued")
    assert ALTERNATE_SCREEN in shown
    assert code == 0


@pytest.mark.parametrize("options", [["--plain"], ["-n", "25"]])
def test_the_table_is_printed_in_a_terminal_that_asks_for_it(queue_dsn, options):
    shown, code = in_terminal(queue_dsn, *options)
    assert ALTERNATE_SCREEN not in shown
    assert b"Created" in shown
    assert code == 0


def test_a_pipe_gets_the_table(queue_dsn):
    outcome = pgq("dashboard", dsn=queue_dsn)
    assert outcome.code == 0
    assert outcome.stdout == pgq("dashboard", "--plain", dsn=queue_dsn).stdout
    assert "Created" in outcome.stdout
    assert "\x1b[?1049h" not in outcome.stdout
