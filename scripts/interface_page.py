"""Print docs/reference/interface.md from the table of the interface in tests/compat/interface."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TABLES = Path(__file__).resolve().parents[1] / "tests" / "compat" / "interface"
RELEASE = re.compile(r"1\.\d")
HEAD = """\
# The interface of 1.x

Every import path, name, signature, variable and command of PgQueuer 1.0 to 1.6, and what became of
it. This page is made from the table that `tests/compat` holds the code against; run
`python scripts/interface_page.py > docs/reference/interface.md` after a change there.

"1.0" stands for 1.0 to 1.3. What behaves differently on purpose is in
[Differences from 1.x](../compatibility.md); the tables, the function and the trigger are in
[Database](database.md). Keyword-only parameters may be added at any time.
"""


def main() -> None:
    """Print the page."""
    sys.stdout.write("\n".join(page()) + "\n")


def page() -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    yield from modules()
    yield from signatures()
    yield from methods()
    yield from models()
    yield from values()
    yield from environment()
    yield from commands()
    yield from gone()


def table(name: str) -> dict[str, Any]:
    """One file of the table."""
    return tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))


def modules() -> Iterator[str]:
    yield from heading("Import paths", "path", "names", "state")
    for path, row in table("modules").items():
        yield line(code(path), "; ".join(names(row)) or "none", module_state(row))


def names(row: Mapping[str, Any]) -> Iterator[str]:
    for release in filter(RELEASE.fullmatch, row):
        since = "" if release == "1.0" else f" (since {release})"
        yield ", ".join(map(code, row[release])) + since


def module_state(row: Mapping[str, Any]) -> str:
    parts = [f"{code(name)} is gone: {instead}" for name, instead in row.get("absent", {}).items()]
    parts += [
        f"{code(name)} is left out: {instead}" for name, instead in row.get("left_out", {}).items()
    ]
    if row.get("why"):
        parts.append(row["why"].rstrip("."))
    return state(row, "; ".join(parts))


def state(row: Mapping[str, Any], notes: str = "") -> str:
    if row.get("coming"):
        return "comes in a later release"
    if row.get("changed") or row.get("left_out"):
        return f"differs: {notes}"
    return f"works; {notes}" if notes else "works"


def signatures() -> Iterator[str]:
    yield from heading("Classes and functions", "path", "in 1.6", "state")
    for path, row in (table("classes") | table("adapters")).items():
        since = f" (since {row['since']})" if "since" in row else ""
        yield line(code(path.replace(":", ".")) + since, shape(row), state(row, differences(row)))


def shape(row: Mapping[str, Any]) -> str:
    parts = [code(row["signature"])] if "signature" in row else []
    if row.get("property"):
        parts.append("a property")
    if row.get("attributes"):
        parts.append("attributes " + ", ".join(map(code, row["attributes"])))
    return "; ".join(parts)


def differences(row: Mapping[str, Any]) -> str:
    parts = [f"{code(f'{name}={new}')} now" for name, new in row.get("changed", {}).items()]
    added = [code(new.removeprefix("*, ")) for new in row.get("added", ())]
    if added:
        parts.append("adds " + ", ".join(added))
    parts += [f"{code(name)} is gone: {instead}" for name, instead in row.get("absent", {}).items()]
    return ", ".join(parts) + because(row)


def methods() -> Iterator[str]:
    yield from heading("Methods of `Queries` and `InMemoryQueries`", "method", "port", "state")
    for group in table("methods").values():
        port = code(group.pop("port").partition(":")[2])
        for name, signature in group.items():
            yield line(code(name) + " " + code(signature), port, "works")


def models() -> Iterator[str]:
    yield from heading("Models", "path", "fields", "state")
    for path, row in table("models").items():
        yield line(code(path.replace(":", ".")), code(row["fields"]), "works")


def values() -> Iterator[str]:
    found = table("values")
    yield from heading("Types, enums and constants", "path", "value", "state")
    for path, words in found["literals"].items():
        yield line(code(path.replace(":", ".")), ", ".join(map(code, words)), "works")
    for path, base in found["new_types"].items():
        yield line(code(path.replace(":", ".")), f"a new type over {code(base)}", "works")
    for path, members in found["enums"].items():
        yield line(code(path.replace(":", ".")), ", ".join(map(code, members)), "works")
    for path, constant in found["constants"].items():
        yield line(code(path.replace(":", ".")), code(constant), "works")
    for path, base in found["bases"].items():
        parent = code(base.replace("builtins:", "").replace(":", "."))
        yield line(code(path.replace(":", ".")), f"a subclass of {parent}", "works")


def environment() -> Iterator[str]:
    yield from heading("Environment", "variable", "fills", "state")
    for path, variables in table("environment").items():
        for name, row in variables.items():
            older = f", else {code(row['legacy'])}" if "legacy" in row else ""
            if "field" in row:
                does = code(f"{path.partition(':')[2]}.{row['field']}")
            else:
                does = row["does"] if "does" in row else f"the option {code(row['option'])}"
            yield line(code(name) + older, does, state(row))


def commands() -> Iterator[str]:
    yield from heading("Commands", "command", "arguments and options", "state")
    for path, row in table("commands").items():
        arguments = [code(name.rstrip("?.").upper()) for name in row.get("arguments", ())]
        options = [option(*item) for item in row.get("options", {}).items()]
        since = f" (since {row['since']})" if "since" in row else ""
        name = path if row.get("coming") else code(path)
        said = state(row, command_differences(row))
        yield line(name + since, ", ".join([*arguments, *options]) or "none", said)


def command_differences(row: Mapping[str, Any]) -> str:
    parts = [f"{code(name)} has no fixed default now" for name in row.get("changed", {})]
    if row.get("gone"):
        parts.append(", ".join(map(code, row["gone"])) + " are gone")
    return ", ".join(parts) + because(row)


def because(row: Mapping[str, Any]) -> str:
    return f" — {row['why']}" if row.get("why") else ""


def option(spellings: str, default: object) -> str:
    shown = ", ".join(map(code, spellings.split()))
    if default in ("", "many") or default is True:
        return shown
    return shown + (f" ({default})" if default in ("hidden", "required") else f" ({code(default)})")


def gone() -> Iterator[str]:
    yield from heading("Modules that are gone", "path", "instead")
    for path, instead in table("gone").items():
        yield line(code(path), instead)


def heading(title: str, *columns: str) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield line(*columns)
    yield line(*("---" for _ in columns))


def line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def code(text: object) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    main()
