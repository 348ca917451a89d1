"""Random bytes are a value of the declared type, or refused without showing them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pgqueuer.core.payloads import make_codec
from pgqueuer.domain.errors import InvalidPayloadError


class Model(BaseModel):
    name: str
    when: datetime
    parts: list[int] = []


@dataclass
class Record:
    name: str
    size: float


class Struct(msgspec.Struct):
    name: str
    parts: list[int]


TYPES = (Model, Record, Struct, dict[str, Any], list[int], int, str, bytes, object)
DEEP = (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 50_000 + b"]" * 50_000)


@pytest.mark.parametrize("payload_type", TYPES, ids=str)
@settings(max_examples=60, deadline=None)
@given(
    payload=st.none()
    | st.binary(max_size=100)
    | st.sampled_from(DEEP)
    | st.text(max_size=50).map(lambda text: f'{{"name": "{text}"}}'.encode("utf-8", "replace"))
)
@example(payload=b'{"name": "x", "when": "9999999999999999", "parts": [1e999]}')
@example(payload=b"9" * 5000)
@example(payload=b"\xff\xfe\x00")
def test_bytes_are_a_value_or_refused(payload_type: Any, payload: bytes | None) -> None:
    with suppress(InvalidPayloadError):
        make_codec(payload_type).decode(payload)


@pytest.mark.parametrize("payload_type", [Model, Record, Struct, list[int], int], ids=str)
@pytest.mark.parametrize(
    "shape", [b'"%s"', b'{"name": 1, "when": "%s", "parts": ["%s"], "size": "%s"}', b"%s"]
)
def test_the_reason_does_not_show_the_payload(payload_type: Any, shape: bytes) -> None:
    with pytest.raises(InvalidPayloadError) as refused:
        make_codec(payload_type).decode(shape.replace(b"%s", b"hunter2"))
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
