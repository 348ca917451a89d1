"""Public names of the repository."""

from pgqueuer.adapters.persistence.bulk import NewJob
from pgqueuer.adapters.persistence.queries import Queries, SyncQueries, is_unique_violation
from pgqueuer.ports.repository import EntrypointExecutionParameter

__all__ = [
    "EntrypointExecutionParameter",
    "NewJob",
    "Queries",
    "SyncQueries",
    "is_unique_violation",
]
