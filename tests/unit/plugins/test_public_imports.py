"""What we give authors to copy imports only what we promise to keep."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pgqueuer.adapters.cli.new_plugin.names import Names
from pgqueuer.adapters.cli.new_plugin.writing import KINDS, write_distribution
from tests.support.documents import DOCS, EXAMPLES, ROOT, blocks
from tests.support.interface import table

FOR_AUTHORS = {"pgqueuer.plugins", "pgqueuer.adapters.embedded", "pgqueuer.core.backoff"}
TESTING = "pgqueuer.testing"
SINCE = ("1.0", "1.4", "1.5", "1.6")
INTERFACE = {
    module: {name for release in SINCE for name in row.get(release, ())}
    for module, row in table("modules").items()
}


def imports(source: str) -> Iterator[tuple[str, str]]:
    """The modules of ours that are imported, each with the name that is taken from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pgqueuer":
            for alias in node.names:
                yield str(node.module), alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("pgqueuer."):
                    yield alias.name, ""


def is_public(module: str, name: str) -> bool:
    """Whether a name may be imported from there."""
    if f"{module}.{name}" in FOR_AUTHORS:
        return True
    if module not in INTERFACE | dict.fromkeys(FOR_AUTHORS) and not module.startswith(TESTING):
        return False
    exported = getattr(import_module(module), "__all__", ())
    return not name or name in exported or name in INTERFACE.get(module, ())


def private_imports(sources: dict[str, str]) -> list[str]:
    return [
        f"{place}: from {module} import {name}"
        for place, source in sources.items()
        for module, name in imports(source)
        if not is_public(module, name)
    ]


def read(paths: Iterator[Path]) -> dict[str, str]:
    found = {str(path): path.read_text(encoding="utf-8") for path in paths}
    assert found
    return found


@pytest.mark.parametrize("source", ["from pgqueuer.core.qm import flush", "import pgqueuer.core"])
def test_a_private_import_is_found(source: str) -> None:
    assert private_imports({"here": source})


def test_our_distributions_import_only_what_is_public() -> None:
    paths = (ROOT / "plugins").glob("*/**/*.py")
    assert private_imports(read(path for path in paths if "build" not in path.parts)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_imports_only_what_is_public(kind: str, tmp_path: Path) -> None:
    write_distribution(Names.read("acme"), kind, tmp_path)

    assert private_imports(read(tmp_path.rglob("*.py"))) == []


def test_the_examples_for_authors_import_only_what_is_public() -> None:
    pages = {
        str(block): block.text
        for page in (DOCS / "plugins").glob("*.md")
        for block in blocks(page, "python")
    }

    assert private_imports(read((EXAMPLES / "plugins").rglob("*.py"))) == []
    assert private_imports(pages) == []


def test_the_page_on_packaging_names_what_is_public() -> None:
    page = (DOCS / "plugins" / "packaging.md").read_text(encoding="utf-8")

    assert [name for name in {*FOR_AUTHORS, TESTING} if f"`{name}`" not in page] == []
