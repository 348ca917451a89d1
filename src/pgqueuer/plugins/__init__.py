"""What authors of plugins import, and where names of plugins are looked up.

Authors need `hookimpl` and the specs; the rest is for programs that look plugins up.
"""

from __future__ import annotations

from pgqueuer.plugins.drivers import connect, connect_repository
from pgqueuer.plugins.errors import (
    BrokenPluginError,
    ConflictingNameError,
    FactoryError,
    MissingRequirementError,
    NoDriverError,
    PluginError,
    UnknownNameError,
)
from pgqueuer.plugins.markers import hookimpl
from pgqueuer.plugins.plugin import Capability, Plugin
from pgqueuer.plugins.registry import PluginRegistry, installed_plugins
from pgqueuer.plugins.specs import (
    CommandSpec,
    DriverSpec,
    ExecutorSpec,
    ScheduleExecutorSpec,
    ServiceContext,
    ServiceSpec,
    TracerSpec,
)

__all__ = [
    "BrokenPluginError",
    "Capability",
    "CommandSpec",
    "ConflictingNameError",
    "DriverSpec",
    "ExecutorSpec",
    "FactoryError",
    "MissingRequirementError",
    "NoDriverError",
    "Plugin",
    "PluginError",
    "PluginRegistry",
    "ScheduleExecutorSpec",
    "ServiceContext",
    "ServiceSpec",
    "TracerSpec",
    "UnknownNameError",
    "connect",
    "connect_repository",
    "hookimpl",
    "installed_plugins",
]
