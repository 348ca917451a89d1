"""The table of the public interface in tests/compat/interface, and its small languages."""

from __future__ import annotations

import ast
import builtins
import inspect
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Literal

import pytest

import pgqueuer.domain.models
import pgqueuer.domain.settings
import pgqueuer.domain.types
from tests.support.documents import ROOT

TABLES = ROOT / "tests" / "compat" / "interface"
KINDS = inspect.Parameter

WORDS: Mapping[str, object] = {
    **vars(builtins),
    **vars(pgqueuer.domain.settings),
    **vars(pgqueuer.domain.types),
    **vars(pgqueuer.domain.models),
    "Literal": Literal,
    "datetime": datetime,
    "timedelta": timedelta,
}
"""What defaults and types in the table may name."""


def table(name: str) -> dict[str, Any]:
    """One file of the table."""
    return tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))


def marked(path: str, row: Mapping[str, object]) -> Any:
    """A row as a test's argument; one that is coming fails until it is there, then it must not."""
    marks = [pytest.mark.xfail(strict=True, reason="built later")] if row.get("coming") else []
    return pytest.param(path, row, id=path, marks=marks)


def resolve(path: str) -> Any:
    """The object at `module:name.name`."""
    module, _, names = path.partition(":")
    found: Any = import_module(module)
    for name in filter(None, names.split(".")):
        found = getattr(found, name)
    return found


def value(text: str) -> Any:
    """What a default or a type in the table means; `...` stands for any default."""
    return eval(text, dict(WORDS))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the table states it."""

    name: str
    kind: Any
    default: str | None

    def matches(self, actual: inspect.Parameter) -> bool:
        """Whether the parameter of the code keeps what is stated."""
        if (self.name, self.kind) != (actual.name, actual.kind):
            return False
        if self.default is None or actual.default is KINDS.empty:
            return self.default is None and actual.default is KINDS.empty
        return self.default == "..." or value(self.default) == actual.default


def stated_signature(row: Mapping[str, Any]) -> tuple[bool, list[Parameter]]:
    """Whether it is async, and its parameters: those of 1.6 with what ours has otherwise."""
    text = row["signature"]
    changed = row.get("changed", {})
    parameters = [
        Parameter(found.name, found.kind, changed.get(found.name, found.default))
        for found in parse(text.removeprefix("async "))
    ]
    for addition in row.get("added", ()):
        parameters += parse(f"({addition})")
    unknown = set(changed) - {parameter.name for parameter in parameters}
    assert not unknown, f"changed, but not in the signature: {unknown}"
    return text.startswith("async "), sorted(parameters, key=lambda one: one.kind)


def parse(text: str) -> list[Parameter]:
    """The parameters of `(a, b=1, *args, c=None)`."""
    statement = ast.parse(f"def f{text}: ...").body[0]
    assert isinstance(statement, ast.FunctionDef)
    return list(_parameters(statement.args))


def _parameters(args: ast.arguments) -> Iterator[Parameter]:
    missing: list[ast.expr | None] = [None] * (len(args.args) - len(args.defaults))
    for arg, default in zip(args.args, [*missing, *args.defaults], strict=True):
        yield Parameter(arg.arg, KINDS.POSITIONAL_OR_KEYWORD, _source(default))
    if args.vararg is not None:
        yield Parameter(args.vararg.arg, KINDS.VAR_POSITIONAL, None)
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield Parameter(arg.arg, KINDS.KEYWORD_ONLY, _source(default))


def _source(default: ast.expr | None) -> str | None:
    return None if default is None else ast.unparse(default)


def fields(text: str) -> dict[str, tuple[str, str | None]]:
    """The type and the default of each field in `a: int, b: str | None = None`."""
    found = {}
    for part in ast.parse(f"def f(*, {text}): ...").body:
        assert isinstance(part, ast.FunctionDef)
        for arg, default in zip(part.args.kwonlyargs, part.args.kw_defaults, strict=True):
            assert arg.annotation is not None
            found[arg.arg] = ast.unparse(arg.annotation), _source(default)
    return found
