"""A reader who follows the quickstart, or the README, to the letter gets what it says."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.cli import PATIENCE, Running, environment, pgq_running
from tests.support.documents import DOCS, ROOT, Block, blocks
from tests.support.waiting import wait_until

QUICKSTART = DOCS / "quickstart.md"
README = ROOT / "README.md"
STOP = "## 8. Stop"
OWN_SERVER = "## Your own server"
WAITS_FOR_NOTHING = {"backlog", "workers", "failed", "dashboard", "status"}
"""Commands that only look, so that they may be repeated until they see what they should."""


class Reader:
    """Someone with a terminal for the worker and another one for everything else."""

    def __init__(self, folder: Path, extra: dict[str, str], stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.worker: Running | None = None
        self.seen = ""
        self.environment = environment(None, extra)
        path = self.environment["PATH"]
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{path}"

    def follow(self, steps: list[Block]) -> None:
        """Do what the blocks say, in order."""
        following = [*steps[1:], None]
        for step, after in zip(steps, following, strict=True):
            expected = after.text.splitlines() if after and after.language == "text" else []
            match step.language:
                case "python":
                    self.save(step)
                case "sh":
                    self.type(step, expected)
                case "text":
                    self.check(step)

    def save(self, block: Block) -> None:
        """The first line of a program is the name of its file."""
        name = block.text.splitlines()[0].removeprefix("# ")
        (self.folder / name).write_text(block.text + "\n")

    def type(self, block: Block, expected: list[str]) -> None:
        """Type the commands; what only looks is repeated until it shows what it should."""
        words = shlex.split(block.text, comments=True)
        if words[0] == "pgq" and "run" in words:
            self.start_worker(words[1:])
            return
        typed = {shlex.split(line)[-1] for line in block.text.splitlines()}
        if not typed <= WAITS_FOR_NOTHING:
            self.run(block)
            return

        def shows_it() -> bool:
            self.run(block)
            return all(line in self.seen for line in expected)

        wait_until(shows_it, f"{block} shows {expected}")

    def run(self, block: Block) -> None:
        """Run the commands to their end; what they export stays."""
        state = self.folder / ".environment"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{block.text}\nenv -0 > {state}"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
        self.seen = done.stdout + done.stderr
        pairs = state.read_text().rstrip("\0").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs)

    def check(self, block: Block) -> None:
        """Each line was printed by the last command, or is printed by the worker."""
        for line in block.text.splitlines():
            if line not in self.seen.splitlines():
                assert self.worker is not None, f"{block}: no {line!r} in {self.seen}"
                self.worker.wait_for(line)

    def start_worker(self, arguments: list[str]) -> None:
        self.worker = self.stack.enter_context(
            pgq_running(*arguments, env=self.environment, cwd=self.folder)
        )
        self.worker.wait_for("serves greet")

    def press_ctrl_c(self) -> None:
        assert self.worker is not None
        self.worker.signal(signal.SIGINT)
        assert self.worker.wait() == 0, self.worker.output


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Nothing is downloaded: what the page installs is there already, or pip fails."""
    extra = {"PGQUEUER_EMBEDDED_DIR": str(tmp_path / "embedded"), "PIP_NO_INDEX": "1"}
    with ExitStack() as stack:
        yield Reader(tmp_path, extra, stack)


def part(page: Path, begin: str, end: str | None) -> list[Block]:
    """The blocks between two headings; from the top with an empty `begin`."""
    lines = page.read_text(encoding="utf-8").splitlines()
    first = lines.index(begin) if begin else 0
    last = lines.index(end) if end else len(lines)
    return [block for block in blocks(page) if first < block.line <= last]


def test_the_quickstart_with_an_embedded_server(reader: Reader) -> None:
    reader.follow(part(QUICKSTART, "", STOP))
    reader.press_ctrl_c()
    reader.follow(part(QUICKSTART, STOP, OWN_SERVER))
    assert "stopped" in reader.seen


def test_the_quickstart_with_a_server_of_ones_own(reader: Reader, dsn: str) -> None:
    for block in part(QUICKSTART, "", OWN_SERVER):
        if block.language == "python":
            reader.save(block)
    steps = part(QUICKSTART, OWN_SERVER, None)
    [placeholder] = re.findall(r'PGDSN="([^"]+)"', steps[0].text)
    steps[0] = Block(
        language="sh", text=steps[0].text.replace(placeholder, dsn), page="", line=steps[0].line
    )
    reader.follow(steps)
    assert reader.worker is not None
    for name in ("World", "Ada", "Grace", "Barbara"):
        reader.worker.wait_for(f"Hello, {name}!")
    reader.press_ctrl_c()


def test_the_readme(reader: Reader, dsn: str) -> None:
    variables = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
    for name, value in conninfo_to_dict(dsn).items():
        reader.environment[variables[name]] = str(value)
    [program] = blocks(README, "python")
    reader.save(program)
    [usage] = [block for block in blocks(README, "sh") if "pgq run" in block.text]
    for line in usage.text.splitlines():
        if line.startswith("pgq "):
            reader.type(Block(language="sh", text=line, page="README.md", line=usage.line), [])
    assert reader.worker is not None
    reader.worker.wait_for("Hello, World!")
    reader.press_ctrl_c()
