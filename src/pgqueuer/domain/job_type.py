"""A name of an entrypoint and the type of its payload, tied together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobType(Generic[T]):
    """What producers and handlers of one kind of job share.

    `enqueue` and `entrypoint` take it in place of the name; both then accept only payloads of
    `payload_type`, and a type checker says so. With `bytes` the payload is sent and handed over as
    it is; everything else travels as JSON. `name` is the plain name, for what needs one.
    """

    name: str
    payload_type: type[T]

    def __str__(self) -> str:
        return self.name
