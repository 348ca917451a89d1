"""Who may see the page, and from where it may be written to."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Final

from fastapi import HTTPException, Request, status

from pgqueuer.adapters.web.settings import WebCredentials

CHALLENGE: Final = 'Basic realm="PgQueuer", charset="UTF-8"'


def create_basic_auth_dependency(
    credentials: WebCredentials | None = None,
) -> Callable[[Request], None]:
    """A dependency that answers 401 unless these credentials are given (None: the environment's).

    Raises ValueError when there are none.
    """
    expected = credentials or WebCredentials.from_environment()
    if expected is None:
        raise ValueError("Set PGQUEUER_WEB_USER and PGQUEUER_WEB_PASSWORD, or give the credentials")

    def require(request: Request) -> None:
        user, password = _given(request.headers.get("authorization", ""))
        # Both are compared, so that the time tells nothing about either.
        user_fits = secrets.compare_digest(user, expected.user.encode())
        password_fits = secrets.compare_digest(password, expected.password.encode())
        if not (user_fits and password_fits):
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED,
                "Give the name and the password of the web page",
                {"WWW-Authenticate": CHALLENGE},
            )

    return require


def _given(authorization: str) -> tuple[bytes, bytes]:
    """The name and the password of RFC 7617; empty where there are none.

    FastAPI's own reader takes ASCII only.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return b"", b""
    return user, password


def require_same_origin(request: Request) -> None:
    """Refuse writes that another site makes a visitor's browser send.

    Browsers say where a request comes from in Sec-Fetch-Site; clients that are no browsers say
    nothing, and hold no credentials that a site could misuse.
    """
    origin = request.headers.get("sec-fetch-site", "none")
    if origin not in {"same-origin", "none"}:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Only this page itself may change the queue")
