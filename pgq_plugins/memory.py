"""A queue inside the process, for tests."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import DriverSpec, hookimpl


@hookimpl
def pgqueuer_register_drivers() -> Iterator[DriverSpec]:
    yield DriverSpec(
        name="memory",
        factory="pgqueuer.adapters.drivers.factories:open_memory",
        repository="pgqueuer.adapters.inmemory:InMemoryQueries",
        summary="a queue inside the process, without a database",
    )
