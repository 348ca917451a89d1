"""The error of the embedded server."""

from __future__ import annotations

from pgqueuer.domain.errors import PgqException


class EmbeddedPostgresError(PgqException):
    """The embedded server can not be found, started or stopped; the message says what to do."""
