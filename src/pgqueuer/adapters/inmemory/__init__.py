"""The queue without a database."""

from pgqueuer.adapters.inmemory.driver import InMemoryDriver
from pgqueuer.adapters.inmemory.queries import InMemoryQueries

__all__ = ["InMemoryDriver", "InMemoryQueries"]
