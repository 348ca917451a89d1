from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from pgqueuer.plugins import DriverSpec, TracerSpec


def test_a_spec_can_not_be_changed() -> None:
    spec = TracerSpec(name="x", factory="a.b:C")
    with pytest.raises(FrozenInstanceError):
        spec.name = "y"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["", "-x", "a,b", "a b", "a/b", "é", None, 1])
def test_a_name_that_can_not_be_typed_in_a_list_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use letters, digits, dots"):
        TracerSpec(name=name, factory="a:b")


@pytest.mark.parametrize("name", ["a", "A1", "data-dog", "x.y_z", "0mq"])
def test_usual_names_are_accepted(name: str) -> None:
    assert TracerSpec(name=name, factory="a:b").name == name


@pytest.mark.parametrize(
    "factory", ["", "module", "module.attribute", "m:", ":a", "m:a b", "m:a:b"]
)
def test_a_reference_without_module_and_attribute_is_refused(factory: str) -> None:
    with pytest.raises(ValueError, match=r"'package\.module:attribute'"):
        TracerSpec(name="x", factory=factory)


def test_a_factory_that_is_neither_reference_nor_callable_is_refused() -> None:
    with pytest.raises(TypeError, match="or a callable"):
        TracerSpec(name="x", factory=3)  # type: ignore[arg-type]


def test_the_repository_of_a_driver_is_checked_as_its_factory() -> None:
    with pytest.raises(ValueError, match="repository='Queries'"):
        DriverSpec(name="x", factory="a:b", repository="Queries")


def test_requires_as_a_bare_string_is_refused() -> None:
    with pytest.raises(TypeError, match=r"give a tuple of module names"):
        TracerSpec(name="x", factory="a:b", requires="ddtrace")  # type: ignore[arg-type]
