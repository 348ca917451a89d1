"""Public names of the repository."""

from pgqueuer.adapters.persistence.queries import Queries, SyncQueries, is_unique_violation
from pgqueuer.ports.repository import EntrypointExecutionParameter

__all__ = ["EntrypointExecutionParameter", "Queries", "SyncQueries", "is_unique_violation"]
