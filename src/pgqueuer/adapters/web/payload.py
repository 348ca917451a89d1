"""Where 1.x has it; the function itself needs no web."""

from __future__ import annotations

from pgqueuer.adapters.payload_text import RenderedPayload, render_payload

__all__ = ["RenderedPayload", "render_payload"]
