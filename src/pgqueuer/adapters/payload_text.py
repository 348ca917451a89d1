"""How the bytes of a payload are shown to a person."""

from __future__ import annotations

import json
from codecs import utf_8_decode
from dataclasses import dataclass
from typing import Final, Literal

HEX_BYTES: Final = 512
READ_BYTES: Final = 256 * 1024
TEXT_CHARACTERS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPayload:
    """`text` is what to show; `cut` says that there is more of it."""

    kind: Literal["empty", "json", "text", "hex"]
    text: str
    size: int
    cut: bool = False


def render_payload(payload: bytes | None) -> RenderedPayload:
    """JSON with line breaks, else the text, else the first 512 bytes as hex digits.

    Of more than a quarter of a megabyte only the beginning is looked at.
    """
    if not payload:
        return RenderedPayload(kind="empty", text="", size=0)
    whole = len(payload) <= READ_BYTES
    try:
        # The cut may be within a character, which is left out then.
        text, _ = utf_8_decode(payload[:READ_BYTES], "strict", whole)
    except UnicodeDecodeError:
        return RenderedPayload(
            kind="hex",
            text=payload[:HEX_BYTES].hex(" "),
            size=len(payload),
            cut=len(payload) > HEX_BYTES,
        )
    pretty = _pretty(text) if whole else None
    shown = text if pretty is None else pretty
    return RenderedPayload(
        kind="text" if pretty is None else "json",
        text=shown[:TEXT_CHARACTERS],
        size=len(payload),
        cut=not whole or len(shown) > TEXT_CHARACTERS,
    )


def _pretty(text: str) -> str | None:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than anyone reads
        return None
