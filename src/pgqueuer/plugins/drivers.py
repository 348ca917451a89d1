"""Opening a connection by the name of a driver."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from pgqueuer.plugins.errors import NoDriverError
from pgqueuer.plugins.plugin import Capability, load_repository
from pgqueuer.plugins.registry import PluginRegistry, installed_plugins
from pgqueuer.plugins.specs import DriverSpec

if TYPE_CHECKING:
    from pgqueuer.domain.settings import ConnectionSettings
    from pgqueuer.plugins.specs import DriverFactory
    from pgqueuer.ports.driver import Driver
    from pgqueuer.ports.repository import RepositoryPort

DRIVER: Final = "PGQUEUER_DRIVER"
IMPLICIT: Final = ("asyncpg", "psycopg")
"""The bundled drivers that are used without being named, in this order."""


@asynccontextmanager
async def connect(
    driver: str | None = None,
    settings: ConnectionSettings | None = None,
    *,
    registry: PluginRegistry | None = None,
) -> AsyncGenerator[Driver]:
    """Open a driver and close it on the way out.

    `driver` is the name of a plugin's driver, else PGQUEUER_DRIVER, else the first of asyncpg and
    psycopg that is installed. `settings` are read from the environment when not given.
    """
    chosen = choose_driver(driver, registry)
    async with open_driver(chosen, settings) as connection:
        yield connection


@asynccontextmanager
async def connect_repository(
    driver: str | None = None,
    settings: ConnectionSettings | None = None,
    *,
    registry: PluginRegistry | None = None,
) -> AsyncGenerator[RepositoryPort]:
    """As `connect`, and yield the store that belongs to the driver; it has the driver too."""
    chosen = choose_driver(driver, registry)
    repository = load_repository(chosen)
    async with open_driver(chosen, settings) as connection:
        yield repository(connection)


def choose_driver(
    name: str | None = None, registry: PluginRegistry | None = None
) -> Capability[DriverSpec, DriverFactory]:
    """The driver that `connect` would open; raises as the registry's lookups, or NoDriverError."""
    plugins = installed_plugins() if registry is None else registry
    wanted = name or os.environ.get(DRIVER)
    return plugins.driver(wanted) if wanted else implicit_driver(plugins)


def implicit_driver(plugins: PluginRegistry) -> Capability[DriverSpec, DriverFactory]:
    """The first bundled driver that can be used."""
    bundled = {
        capability.spec.name: capability
        for capability in plugins.capabilities
        if isinstance(capability.spec, DriverSpec) and capability.plugin.bundled
    }
    for name in IMPLICIT:
        if (found := bundled.get(name)) and not found.missing:
            return plugins.driver(name)
    hints = [found.spec.install for name in IMPLICIT if (found := bundled.get(name))]
    advice = " or ".join(hint for hint in hints if hint) or "python -m pip install pgqueuer"
    raise NoDriverError(
        f"No database driver can be used. Install one with: {advice}; or name another plugin's "
        f"driver with {DRIVER} (`pgq plugins list` shows them)."
    )


@asynccontextmanager
async def open_driver(
    chosen: Capability[DriverSpec, DriverFactory], settings: ConnectionSettings | None
) -> AsyncGenerator[Driver]:
    """The context of the driver's factory."""
    from pgqueuer.domain.settings import ConnectionSettings  # noqa: PLC0415 - pydantic is slow

    factory = chosen.load()
    async with factory(settings or ConnectionSettings()) as connection:
        yield connection
