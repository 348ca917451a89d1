"""What goes wrong with plugins, each with what to do about it."""

from __future__ import annotations

from pgqueuer.domain.errors import PgqException


class PluginError(PgqException):
    """Base of the errors of this package."""


class BrokenPluginError(PluginError):
    """A plugin could not be loaded, and PGQUEUER_STRICT_PLUGINS is set."""


class UnknownNameError(PluginError, LookupError):
    """No plugin in use offers this name."""


class ConflictingNameError(PluginError, LookupError):
    """Several plugins offer this name, so none is chosen."""


class MissingRequirementError(PluginError, ImportError):
    """A module that the plugin needs is not installed."""


class FactoryError(PluginError):
    """The factory of a spec could not be imported."""


class NoDriverError(PluginError, LookupError):
    """No driver was named, and none of the bundled ones can be used."""
