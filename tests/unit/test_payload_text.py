"""Payloads as people see them."""

from __future__ import annotations

import pytest

from pgqueuer.adapters.payload_text import HEX_BYTES, READ_BYTES, render_payload


@pytest.mark.parametrize(
    ("payload", "kind", "text"),
    [
        (None, "empty", ""),
        (b"", "empty", ""),
        (b'{"a":"\xc3\xa9"}', "json", '{\n  "a": "é"\n}'),
        (b"hello", "text", "hello"),
        (b"[" * 100_000, "text", "[" * 20_000),
        (b"\xff\x00", "hex", "ff 00"),
    ],
)
def test_a_payload_is_json_or_text_or_digits(payload: bytes | None, kind: str, text: str) -> None:
    shown = render_payload(payload)

    assert (shown.kind, shown.text, shown.size) == (kind, text, len(payload or b""))


def test_what_is_cut_says_so() -> None:
    assert not render_payload(b"x" * 20_000).cut
    assert render_payload(b"x" * 20_001).cut
    assert not render_payload(b"\xff" * HEX_BYTES).cut
    assert render_payload(b"\xff" * (HEX_BYTES + 1)).cut


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_huge_text_is_cut_between_characters(before: int) -> None:
    payload = b"x" * before + "€".encode() * READ_BYTES

    shown = render_payload(payload)

    assert (shown.kind, shown.cut, shown.size) == ("text", True, len(payload))
    assert set(shown.text) <= {"x", "€"}
