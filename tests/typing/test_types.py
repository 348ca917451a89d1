"""Type checkers accept right programs and refuse wrong ones, at the lines marked `# E`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((Path(__file__).parent / "cases").glob("*.py"))
MARK = re.compile(r"# E$")
MYPY_ERROR = re.compile(r"^(.+?):(\d+): error: (.*)$")

Place = tuple[str, int]


def marked() -> set[Place]:
    """The lines where an error is due."""
    return {
        (path.name, number)
        for path in CASES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MARK.search(line)
    }


def output_of(module: str, *arguments: str) -> str:
    """What a checker says about the cases; it fails a test that it can not run in."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, *map(str, CASES)],
        cwd=ROOT,
        # An editable installation is nothing that mypy finds by itself.
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def assert_as_marked(found: dict[Place, str]) -> None:
    expected = marked()
    unexpected = {place: said for place, said in found.items() if place not in expected}
    assert unexpected == {}
    assert sorted(expected - found.keys()) == []


def test_there_are_right_and_wrong_lines() -> None:
    assert {name for name, _ in marked()} == {path.name for path in CASES}


def test_mypy_finds_the_marked_errors_and_no_others() -> None:
    found = {}
    for line in output_of("mypy", "--strict", "--no-error-summary").splitlines():
        if match := MYPY_ERROR.match(line):
            found[Path(match[1]).name, int(match[2])] = match[3]
    assert_as_marked(found)


def test_pyright_finds_the_marked_errors_and_no_others() -> None:
    report = json.loads(output_of("pyright", "--outputjson", "--pythonpath", sys.executable))
    assert_as_marked(
        {
            (Path(each["file"]).name, each["range"]["start"]["line"] + 1): each["message"]
            for each in report["generalDiagnostics"]
            if each["severity"] == "error"
        }
    )
