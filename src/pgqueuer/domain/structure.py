"""What a worker needs the database to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SchemaPart:
    """A table, a column or an index of a table, or a label of an enum type.

    `owner` is the table or the type, as the settings spell it, and `name` what belongs to it.
    """

    kind: Literal["table", "column", "index", "label"]
    owner: str
    name: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "table":
                return f"table {self.owner}"
            case "column":
                return f"column {self.owner}.{self.name}"
            case "index":
                return f"index {self.name}"
            case "label":
                return f"value {self.name!r} of the type {self.owner}"
