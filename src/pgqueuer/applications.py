"""Public name of the application object."""

from pgqueuer.core.applications import PgQueuer

__all__ = ["PgQueuer"]
