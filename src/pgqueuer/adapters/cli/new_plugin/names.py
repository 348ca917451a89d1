"""The names in a distribution, all made from one that the user gave."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PREFIX: Final = "pgqueuer-"


class BadNameError(ValueError):
    """A name that can not be the name of a plugin; the message says what is possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """`name` is what users type, `acme-spans`; the rest follows from it."""

    name: str

    @classmethod
    def read(cls, text: str) -> Names:
        """Take `acme-spans` and `pgqueuer-acme-spans` for the same; raises BadNameError."""
        name = text.removeprefix(PREFIX)
        if not _NAME.fullmatch(name) or name in ("plugin", "pgqueuer"):
            raise BadNameError(
                f"{text!r} can not be the name of a plugin: use lower-case letters, digits and "
                "single hyphens, begin with a letter, and name what it is about, as in 'acme'"
            )
        return cls(name=name)

    @property
    def distribution(self) -> str:
        """What users install."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def title(self) -> str:
        """The beginning of the names of classes."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def function(self) -> str:
        """The beginning of the names of functions."""
        name = self.name.replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name
