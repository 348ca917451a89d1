"""The documentation as text: its pages, their fenced blocks, headings and links."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"

_FENCE = re.compile(r"^( *)(```+)(\w*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) +(.*?) *$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: its language, its text without the indentation, and where it stands."""

    language: str
    text: str
    page: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page that a reader may come to."""
    return [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, in order; of these languages only, if any are given."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            language=match[3],
            text=textwrap.dedent(match[4]).rstrip("\n"),
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, match.start()) + 1,
        )
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def example(name: str) -> ModuleType:
    """A module of docs/examples, imported as a reader's own would be."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each heading, in order."""
    return [(len(match[1]), match[2]) for match in _HEADING.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """What links may point to in a page, as both mkdocs and code hosts name it."""
    return {_slug(text) for _, text in headings(page)}


def links(page: Path) -> Iterator[str]:
    """The targets of the links and images of a page, in order."""
    for match in _LINK.finditer(prose(page)):
        yield match[1]


def entries(page: Path, section: str) -> set[str]:
    """The names in backticks of the headings one level below the heading `section`."""
    found: set[str] = set()
    inside = 0
    for level, text in headings(page):
        if text == section:
            inside = level
        elif inside and level <= inside:
            inside = 0
        elif inside and level == inside + 1:
            found |= set(re.findall(r"`([^`]+)`", text))
    return found


def _slug(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain).strip())
