"""PostgreSQL through psqlpy."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import DriverSpec, hookimpl


@hookimpl
def pgqueuer_register_drivers() -> Iterator[DriverSpec]:
    yield DriverSpec(
        name="psqlpy",
        factory="pgqueuer_psqlpy.connections:open_psqlpy",
        summary="PostgreSQL through one psqlpy connection",
        requires=("psqlpy",),
        install="pip install psqlpy",
    )
