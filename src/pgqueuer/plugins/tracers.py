"""Tracers by name, for `--tracer` and PGQUEUER_TRACERS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pgqueuer.core.tracing import compose
from pgqueuer.plugins.registry import PluginRegistry, installed_plugins
from pgqueuer.ports.tracing import TracingProtocol, set_tracing_class

TRACERS: Final = "PGQUEUER_TRACERS"


def tracers_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names in PGQUEUER_TRACERS, in order."""
    names = (name.strip() for name in environment.get(TRACERS, "").split(","))
    return tuple(name for name in names if name)


def resolve_tracers(
    names: Sequence[str], *, registry: PluginRegistry | None = None
) -> TracingProtocol | None:
    """The named tracers as one, the first outermost; None for no name.

    Raises as the lookups of the registry do, and FactoryError.
    """
    if not names:
        return None
    plugins = installed_plugins() if registry is None else registry
    return compose([plugins.tracer(name).load()() for name in dict.fromkeys(names)])


def use_tracers(names: Sequence[str], *, registry: PluginRegistry | None = None) -> None:
    """Make the named tracers that of the process; no name changes nothing."""
    tracer = resolve_tracers(names, registry=registry)
    if tracer is not None:
        set_tracing_class(tracer)
