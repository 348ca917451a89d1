"""Prints constraints for pip that pin every dependency to the oldest release we declare."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
LOWER_BOUND = re.compile(r"(?P<name>[\w.-]+)(\[.*?\])?\s*>=\s*(?P<version>[\w.]+)")


def main() -> None:
    """Prints one constraint a line."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    sys.stdout.writelines(f"{constraint}\n" for constraint in sorted(constraints(project)))


def constraints(project: dict[str, Any]) -> Iterator[str]:
    """`name==lower` for each `name>=lower`, of the package and of its extras."""
    extras = project["optional-dependencies"].values()
    for requirement in {*project["dependencies"], *(one for extra in extras for one in extra)}:
        bound = LOWER_BOUND.match(requirement)
        if bound is None:
            raise SystemExit(f"{requirement!r} in pyproject.toml has no lower bound.")
        yield f"{bound['name']}=={bound['version']}"


if __name__ == "__main__":
    main()
