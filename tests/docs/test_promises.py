"""Every test that the page of promises names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.documents import DOCS, ROOT

PAGE = (DOCS / "promises.md").read_text(encoding="utf-8")
RELIABILITY = (DOCS / "reliability.md").read_text(encoding="utf-8")
KIT = "src/pgqueuer/testing/_repository/"
NAMED = re.compile(r"^- `([^`]+)::([^`]+)`$", re.MULTILINE)
PROMISE = re.compile(r"^### (\d+)\. ", re.MULTILINE)


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize(("file", "name"), NAMED.findall(PAGE + RELIABILITY))
def test_a_named_test_is_there(file: str, name: str) -> None:
    assert name in names_in(ROOT / file.replace("kit/", KIT, 1))


def test_the_promises_are_numbered_and_each_names_a_test() -> None:
    parts = PROMISE.split(PAGE)
    numbers, texts = parts[1::2], parts[2::2]
    assert [int(number) for number in numbers] == list(range(1, 39))
    assert [
        number for number, text in zip(numbers, texts, strict=True) if not NAMED.search(text)
    ] == []


def test_every_line_of_a_list_names_a_test() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("- ")]
    assert len(lines) == len(NAMED.findall(PAGE))
