"""Plugins that we publish, and those that `pgq plugins new` writes, use what is public."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "src" / "pgqueuer" / "adapters" / "cli" / "new_plugin" / "templates"
IMPORT = re.compile(r"^\s*(?:from|import) (pgqueuer(?:\.\w+)*)\b", re.MULTILINE)

FOR_AUTHORS = {"pgqueuer.core.backoff"}
"""Named in docs/plugins/packaging.md, beside the packages below and the interface of 1.x."""


def sources() -> list[Path]:
    modules = [*ROOT.glob("plugins/*/src/**/*.py"), *TEMPLATES.glob("**/*.py.tmpl")]
    return [each for each in modules if "build" not in each.relative_to(ROOT).parts]


def is_public(module: str) -> bool:
    interface = tomllib.loads((ROOT / "tests/compat/interface/modules.toml").read_text())
    return module.startswith(("pgqueuer.plugins", "pgqueuer.testing.")) or (
        "._" not in module and module in FOR_AUTHORS.union(interface)
    )


@pytest.mark.parametrize("source", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_imports_public_modules_only(source: Path) -> None:
    imported = set(IMPORT.findall(source.read_text()))

    assert {module for module in imported if not is_public(module)} == set()


def test_there_is_something_to_look_at() -> None:
    assert len(sources()) > 20
    assert all(
        f"`{module}`" in (ROOT / "docs/plugins/packaging.md").read_text() for module in FOR_AUTHORS
    )
