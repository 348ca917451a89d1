"""PostgreSQL through one psycopg connection."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import DriverSpec, hookimpl


@hookimpl
def pgqueuer_register_drivers() -> Iterator[DriverSpec]:
    yield DriverSpec(
        name="psycopg",
        factory="pgqueuer.adapters.drivers.factories:open_psycopg",
        summary="PostgreSQL through one psycopg connection",
        requires=("psycopg",),
        install="pip install 'pgqueuer[psycopg]'",
    )
