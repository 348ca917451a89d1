"""The interface of 1.6, name by name and parameter by parameter, as the table states it."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel

from pgqueuer.domain.settings import ConnectionSettings, DBSettings, Durability, DurabilityPolicy
from tests.support.interface import (
    KINDS,
    fields,
    marked,
    resolve,
    stated_signature,
    table,
    value,
)

MODULES = table("modules")
VALUES = table("values")
MODELS = table("models")
CALLABLES = table("classes") | table("adapters")
CLASSES = {path: row for path, row in CALLABLES.items() if "attributes" in row or "absent" in row}
RELEASE = re.compile(r"1\.\d")


def names(row: Mapping[str, Any]) -> list[str]:
    return [name for key in row if RELEASE.fullmatch(key) for name in row[key]]


@pytest.mark.parametrize(("module", "row"), [marked(*item) for item in MODULES.items()])
def test_a_module_has_its_names_and_none_that_are_gone(module: str, row: Mapping[str, Any]) -> None:
    found = import_module(module)
    assert [name for name in names(row) if not hasattr(found, name)] == []
    for name in (*row.get("absent", ()), *row.get("left_out", ())):
        assert not hasattr(found, name), name


def test_a_name_is_the_same_object_wherever_it_is() -> None:
    homes = defaultdict(set)
    for module, row in MODULES.items():
        if not row.get("coming"):
            for name in names(row):
                homes[name].add(id(getattr(import_module(module), name)))
    assert [name for name, found in homes.items() if len(found) > 1] == []


@pytest.mark.parametrize("module", table("gone"))
def test_a_module_that_is_gone_can_not_be_imported(module: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        import_module(module)


def signatures() -> list[Any]:
    """Rows with a signature, and the methods that the queries share with their port."""
    rows = [marked(path, row) for path, row in CALLABLES.items() if "signature" in row]
    for group in table("methods").values():
        homes = (group.pop("port"), "pgqueuer:Queries", "pgqueuer:InMemoryQueries")
        rows += [
            marked(f"{home}.{name}", {"signature": signature})
            for name, signature in group.items()
            for home in homes
        ]
    return rows


@pytest.mark.parametrize(("path", "row"), signatures())
def test_a_signature_is_that_of_1_6_but_for_what_the_table_states(
    path: str, row: Mapping[str, Any]
) -> None:
    found = resolve(path)
    asynchronous, stated = stated_signature(row)
    expected = {parameter.name for parameter in stated}
    actual = [
        parameter
        for parameter in inspect.signature(found).parameters.values()
        if parameter.name in expected or not may_be_added(parameter)
    ]
    assert [one.name for one in actual] == [one.name for one in stated]
    assert [
        str(got) for want, got in zip(stated, actual, strict=True) if not want.matches(got)
    ] == []
    assert is_async(found) == asynchronous
    if row.get("changed") or row.get("added"):
        assert row.get("why"), "say why it differs"


def may_be_added(parameter: inspect.Parameter) -> bool:
    return parameter.kind is KINDS.KEYWORD_ONLY and parameter.default is not KINDS.empty


def is_async(found: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found)


@pytest.mark.parametrize(("path", "row"), [marked(*item) for item in CLASSES.items()])
def test_a_class_has_its_attributes_and_none_that_are_gone(
    path: str, row: Mapping[str, Any]
) -> None:
    found = resolve(path)
    if example := row.get("example"):
        found = eval(example, vars(import_module(path.partition(":")[0])))
    known = set(dir(found)) | declared(found)
    assert set(row.get("attributes", ())) - known == set()
    assert set(row.get("absent", ())) & known == set()


def declared(found: Any) -> set[str]:
    """Attributes that only instances have."""
    bases = getattr(found, "__mro__", ())
    own = {name for base in bases for name in inspect.get_annotations(base)}
    data = {field.name for field in dataclasses.fields(found)} if is_data(found) else set()
    return own | data


def is_data(found: Any) -> bool:
    return isinstance(found, type) and dataclasses.is_dataclass(found)


@pytest.mark.parametrize("path", [path for path, row in CALLABLES.items() if row.get("property")])
def test_a_property_is_no_method(path: str) -> None:
    assert isinstance(resolve(path), property)


@pytest.mark.parametrize(("path", "row"), [marked(*item) for item in MODELS.items()])
def test_a_model_has_its_fields_with_type_and_default(path: str, row: Mapping[str, Any]) -> None:
    model = resolve(path)
    stated = fields(row["fields"])
    assert list(model.model_fields)[: len(stated)] == list(stated)
    for name, (annotation, default) in stated.items():
        found = model.model_fields[name]
        assert plain(found.annotation) == plain(value(annotation)), name
        if default not in (None, "..."):
            assert default_of(model, name) == value(default), name
        else:
            assert found.is_required() == (default is None), name
    extra = [field for name, field in model.model_fields.items() if name not in stated]
    assert not [field for field in extra if field.is_required()]


def plain(annotation: Any) -> Any:
    """A type to compare: without validators, and unions in any order."""
    if annotation is AwareDatetime:
        return datetime
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return plain(args[0])
    if origin is typing.Literal:
        return args
    if origin in (typing.Union, types.UnionType):
        return frozenset(plain(arg) for arg in args)
    return (origin, *(plain(arg) for arg in args)) if args else annotation


def default_of(model: type[BaseModel], name: str) -> Any:
    """Settings have names that follow from others, so a whole object is asked."""
    if issubclass(model, DBSettings | ConnectionSettings):
        return getattr(model(), name)
    return model.model_fields[name].get_default()


@pytest.mark.parametrize(("path", "words"), VALUES["literals"].items())
def test_a_literal_allows_exactly_its_words(path: str, words: list[str]) -> None:
    assert set(typing.get_args(resolve(path))) == set(words)


@pytest.mark.parametrize(("path", "base"), VALUES["new_types"].items())
def test_a_new_type_is_a_plain_value(path: str, base: str) -> None:
    assert resolve(path).__supertype__.__name__ == base


@pytest.mark.parametrize(("path", "members"), VALUES["enums"].items())
def test_an_enum_has_its_members(path: str, members: dict[str, str]) -> None:
    assert {member.name: member.value for member in resolve(path)} == members


@pytest.mark.parametrize(("path", "text"), VALUES["constants"].items())
def test_a_constant_has_its_value(path: str, text: str) -> None:
    assert resolve(path) == value(text)


@pytest.mark.parametrize(("path", "base"), VALUES["bases"].items())
def test_a_class_is_caught_and_replaced_as_its_base(path: str, base: str) -> None:
    assert issubclass(resolve(path), resolve(base))


def test_durability_says_which_tables_are_not_logged() -> None:
    assert Durability.durable.config == DurabilityPolicy("", "", "", "")
    assert Durability.balanced.config == DurabilityPolicy("", "UNLOGGED", "UNLOGGED", "")
    assert Durability.volatile.config == DurabilityPolicy(*["UNLOGGED"] * 4)
