"""Tracers by name, for `--tracer` and PGQUEUER_TRACERS."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pgqueuer.core.tracing import NamedTracing, compose
from pgqueuer.plugins.plugin import Capability
from pgqueuer.plugins.registry import PluginRegistry, installed_plugins
from pgqueuer.plugins.specs import TracerSpec
from pgqueuer.ports.tracing import TracingProtocol, set_tracing_class

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import TracerFactory

logger = logging.getLogger(__name__)

TRACERS: Final = "PGQUEUER_TRACERS"


def tracers_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names in PGQUEUER_TRACERS, in order."""
    names = (name.strip() for name in environment.get(TRACERS, "").split(","))
    return tuple(name for name in names if name)


def resolve_tracers(
    names: Sequence[str], *, registry: PluginRegistry | None = None
) -> TracingProtocol | None:
    """The named tracers as one, the first outermost; None for no name.

    Raises as the lookups of the registry do, and FactoryError. One whose factory fails is logged
    and left out: its product may be down, which is no reason not to work.
    """
    if not names:
        return None
    plugins = installed_plugins() if registry is None else registry
    made = [make_tracer(plugins.tracer(name)) for name in dict.fromkeys(names)]
    return compose([tracer for tracer in made if tracer is not None])


def make_tracer(capability: Capability[TracerSpec, TracerFactory]) -> TracingProtocol | None:
    """The tracer, with the plugin that it is of for the log; None if it can not be made."""
    factory = capability.load()
    try:
        return NamedTracing(factory(), f"{capability.spec.name!r} of plugin {capability.plugin}")
    except KeyboardInterrupt:
        raise
    except BaseException:  # foreign code
        logger.exception("The %s can not be made; jobs go on without it", capability)
        return None


def use_tracers(names: Sequence[str], *, registry: PluginRegistry | None = None) -> None:
    """Make the named tracers that of the process; no name changes nothing."""
    tracer = resolve_tracers(names, registry=registry)
    if tracer is not None:
        set_tracing_class(tracer)
