"""Writing a distribution from the templates of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Final

from pgqueuer.adapters.cli.new_plugin.names import Names

KINDS: Final = ("tracer", "driver", "executor", "schedule-executor", "command", "service")
SUFFIX: Final = ".tmpl"


def write_distribution(names: Names, kind: str, parent: Path) -> Path:
    """Write it into a new folder of `parent` and return that; FileExistsError if it is there."""
    fields = {
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "title": names.title,
        "function": names.function,
        "kind": kind.replace("-", " "),
        "module": kind.replace("-", "_"),
    }
    root = parent / names.distribution
    root.mkdir(parents=True)
    templates = files("pgqueuer.adapters.cli.new_plugin") / "templates"
    for folder in (templates / "common", templates / kind):
        for path, template in below(folder):
            target = root / Template(path).substitute(fields).removesuffix(SUFFIX)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(fields)
            target.write_text(text, encoding="utf-8")
    return root


def below(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """The templates in a folder, with their paths."""
    for entry in folder.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            yield from below(entry, f"{path}/")
        elif path.endswith(SUFFIX):
            yield path, entry
