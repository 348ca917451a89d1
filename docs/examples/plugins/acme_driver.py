"""A driver that gets a fresh password for each connection, as managed databases want it."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import DriverSpec, hookimpl


@hookimpl
def pgqueuer_register_drivers() -> Iterator[DriverSpec]:
    yield DriverSpec(
        name="acme-cloud",
        factory="acme_driver_pool:open_pool",
        summary="PostgreSQL with a token of Acme in place of a password",
        requires=("asyncpg",),
        install="pip install asyncpg",
    )
