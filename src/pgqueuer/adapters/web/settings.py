"""What the environment says about the web page."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class WebCredentials:
    """The name and the password that a visitor has to give."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> WebCredentials | None:
        """PGQUEUER_WEB_USER and PGQUEUER_WEB_PASSWORD; None where either is missing or empty."""
        user = os.environ.get("PGQUEUER_WEB_USER")
        password = os.environ.get("PGQUEUER_WEB_PASSWORD")
        return cls(user=user, password=password) if user and password else None
