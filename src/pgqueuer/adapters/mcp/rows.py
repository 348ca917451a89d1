"""Rows as JSON: what agents read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from pydantic import BaseModel

Row: TypeAlias = dict[str, Any]


def as_rows(models: Iterable[BaseModel]) -> list[Row]:
    """Each model as JSON values; bytes as text, or as hex digits where they are none."""
    return [_row(model) for model in models]


def _row(model: BaseModel) -> Row:
    row = {name: _text(value) for name, value in model if isinstance(value, bytes)}
    return model.model_dump(mode="json", exclude=set(row)) | row


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
