"""Rows of the database as models, a batch at a time."""

from __future__ import annotations

from functools import cache
from types import GenericAlias
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

Model = TypeVar("Model", bound=BaseModel)


@cache
def _adapter(model: type[BaseModel]) -> TypeAdapter[list[Any]]:
    rows: Any = GenericAlias(list, (model,))
    return TypeAdapter(rows)


def as_models(model: type[Model], rows: list[dict[str, object]]) -> list[Model]:
    """Rows as instances of `model`; raises ValidationError if any of them does not fit."""
    return _adapter(model).validate_python(rows)
