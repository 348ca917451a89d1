"""Who may see the page, and from where it may be written to."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from pgqueuer.adapters.web.settings import WebCredentials

REALM = "PgQueuer"


def create_basic_auth_dependency(
    credentials: WebCredentials | None = None,
) -> Callable[[HTTPBasicCredentials], None]:
    """A dependency that answers 401 unless these credentials are given (None: the environment's).

    Raises ValueError when there are none.
    """
    expected = credentials or WebCredentials.from_environment()
    if expected is None:
        raise ValueError("Set PGQUEUER_WEB_USER and PGQUEUER_WEB_PASSWORD, or give the credentials")

    def require(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic(realm=REALM))]) -> None:
        # Both are compared, so that the time tells nothing about either.
        user_fits = secrets.compare_digest(given.username.encode(), expected.user.encode())
        password_fits = secrets.compare_digest(given.password.encode(), expected.password.encode())
        if not (user_fits and password_fits):
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED,
                "The name or the password is wrong",
                {"WWW-Authenticate": f'Basic realm="{REALM}"'},
            )

    return require


def require_same_origin(request: Request) -> None:
    """Refuse writes that another site makes a visitor's browser send.

    Browsers say where a request comes from in Sec-Fetch-Site; clients that are no browsers say
    nothing, and hold no credentials that a site could misuse.
    """
    origin = request.headers.get("sec-fetch-site", "none")
    if origin not in {"same-origin", "none"}:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Only this page itself may change the queue")
