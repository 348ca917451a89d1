"""PostgreSQL through an asyncpg pool."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import DriverSpec, hookimpl


@hookimpl
def pgqueuer_register_drivers() -> Iterator[DriverSpec]:
    yield DriverSpec(
        name="asyncpg",
        factory="pgqueuer.adapters.drivers.factories:open_asyncpg",
        summary="PostgreSQL through an asyncpg pool",
        requires=("asyncpg",),
        install="pip install 'pgqueuer[asyncpg]'",
    )
