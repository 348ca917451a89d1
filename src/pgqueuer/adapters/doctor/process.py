"""Checks of this process: the versions of what is installed, and the plugins."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib import metadata

from pgqueuer.adapters.doctor.findings import Verdict, fail, ok
from pgqueuer.plugins.errors import PluginError
from pgqueuer.plugins.registry import PluginRegistry, fault

LIBRARIES = ("pgqueuer", "asyncpg", "psycopg", "pydantic", "click", "croniter", "uvloop")


def check_versions() -> Iterator[Verdict]:
    """Python, and the libraries that matter most."""
    known = [f"{name} {version}" for name in LIBRARIES if (version := _version(name))]
    yield ok(", ".join([f"Python {platform.python_version()}", *known]))


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check_plugins(registry: Callable[[], PluginRegistry]) -> Iterator[Verdict]:
    """Broken plugins, and names that several of them want."""
    try:
        plugins = registry().plugins
    except PluginError as error:
        yield fail(str(error), "run 'pgq plugins check' without PGQUEUER_STRICT_PLUGINS")
        return
    faulty = [plugin for plugin in plugins if plugin.status in ("broken", "conflict")]
    for plugin in faulty:
        message, _, remedy = fault(plugin).partition(f"{plugin.error}. ")
        yield fail(f"{message}{plugin.error}", remedy)
    if not faulty:
        active = [plugin for plugin in plugins if plugin.status == "active"]
        own = [str(plugin) for plugin in active if not plugin.bundled]
        yield ok(f"{len(active)} in use" + (f", added: {', '.join(own)}" if own else ""))
