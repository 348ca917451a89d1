"""What the routes that change something have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from fastapi import Depends, HTTPException, Request, Response, status

from pgqueuer.adapters.web.auth import require_same_origin

MOST_BYTES: Final = 1_000_000

writes: Final = [Depends(require_same_origin)]
"""Dependencies of a route that changes something."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, as a browser sends them."""

    fields: dict[str, list[str]]

    def text(self, name: str) -> str | None:
        """The first value of a field; None where it is empty or not there."""
        return next(iter(self.fields.get(name, ())), None) or None

    def numbers(self, name: str) -> list[int]:
        """The values of a field; answers 422 if one is no number."""
        try:
            return [int(value) for value in self.fields.get(name, ())]
        except ValueError:
            raise HTTPException(
                status.HTTP_422_UNPROCESSABLE_CONTENT, f"{name} has to be numbers"
            ) from None


async def read_form(request: Request) -> Form:
    """The form in the body of a request; answers 413 if it is larger than a megabyte."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "The form is too large")
    return Form(parse_qs(body.decode(errors="replace"), keep_blank_values=True))


def done() -> Response:
    """The page is to be loaded anew; the header is that of htmx, which 1.x used."""
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers={"HX-Refresh": "true"})


def refuse(reason: str) -> Response:
    """Nothing was done, for a reason that the page shows."""
    return Response(reason, status.HTTP_409_CONFLICT, media_type="text/plain")
