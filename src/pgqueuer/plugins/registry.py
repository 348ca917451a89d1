"""The plugins that a program uses, and their names."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pgqueuer.plugins.discovery import ALLOW, DENY, Candidate, Selection, discover
from pgqueuer.plugins.errors import BrokenPluginError, ConflictingNameError, UnknownNameError
from pgqueuer.plugins.loading import load_plugin, record
from pgqueuer.plugins.names import conflict, settle_names
from pgqueuer.plugins.plugin import Capability, Plugin, SpecT, capabilities
from pgqueuer.plugins.specs import (
    CommandSpec,
    DriverSpec,
    ExecutorSpec,
    ScheduleExecutorSpec,
    ServiceSpec,
    Spec,
    TracerSpec,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pgqueuer.plugins.specs import (
        CommandFactory,
        DriverFactory,
        ExecutorFactory,
        ScheduleExecutorFactory,
        ServiceFactory,
        TracerFactory,
    )

STRICT: Final = "PGQUEUER_STRICT_PLUGINS"

Fault: TypeAlias = tuple[str, BaseException | None]
"""What to say, and the exception behind it."""

logger = logging.getLogger(__name__)


class PluginRegistry:
    """Looks names up among plugins that are loaded already; nothing is called or imported here.

    Each lookup raises UnknownNameError, with the known names and the faults of broken plugins,
    ConflictingNameError, or MissingRequirementError with what to install. The factory itself is
    imported by `load()` of what the lookup returns.
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self._plugins = settle_names(tuple(plugins))
        self._used: dict[str, Plugin] = {}
        self._capabilities: dict[tuple[str, str], list[Capability[Any, Any]]] = defaultdict(list)
        for capability in capabilities(self._plugins):
            self._capabilities[capability.spec.kind, capability.spec.name].append(capability)

    @classmethod
    def load(
        cls,
        environment: Mapping[str, str],
        bundled_only: bool = False,
        *,
        entry_points: Iterable[EntryPoint] | None = None,
    ) -> PluginRegistry:
        """Import the plugins that `environment` permits, one by one, and call their hooks.

        A fault is logged as a warning and costs only the plugin that has it. With
        PGQUEUER_STRICT_PLUGINS=1 it raises BrokenPluginError.
        """
        selection = Selection.read(environment, bundled_only=bundled_only)
        candidates = discover(entry_points)
        registry = cls(load_candidates(candidates, selection))
        faults: list[Fault] = [
            (fault(plugin), plugin.cause)
            for plugin in registry.plugins
            if plugin.status == "broken"
        ]
        faults += [(absence(name), None) for name in selection.absent(candidates)]
        report(faults, strict=is_set(environment.get(STRICT, "")))
        return registry

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin that was found, disabled and broken ones too."""
        return self._plugins

    @property
    def used(self) -> tuple[Plugin, ...]:
        """The plugins of what was looked up so far, in that order."""
        return tuple(self._used.values())

    @property
    def capabilities(self) -> tuple[Capability[Any, Any], ...]:
        """Everything that is offered, names in conflict too."""
        return tuple(capabilities(self._plugins))

    def driver(self, name: str) -> Capability[DriverSpec, DriverFactory]:
        """The driver of this name."""
        return self._find(DriverSpec, name)

    def tracer(self, name: str) -> Capability[TracerSpec, TracerFactory]:
        """The tracer of this name."""
        return self._find(TracerSpec, name)

    def executor(self, name: str) -> Capability[ExecutorSpec, ExecutorFactory]:
        """The executor of jobs of this name."""
        return self._find(ExecutorSpec, name)

    def schedule_executor(
        self, name: str
    ) -> Capability[ScheduleExecutorSpec, ScheduleExecutorFactory]:
        """The executor of schedules of this name."""
        return self._find(ScheduleExecutorSpec, name)

    def command(self, name: str) -> Capability[CommandSpec, CommandFactory]:
        """The command of this name."""
        return self._find(CommandSpec, name)

    def service(self, name: str) -> Capability[ServiceSpec, ServiceFactory]:
        """The service of this name."""
        return self._find(ServiceSpec, name)

    def names(self, kind: type[Spec[Any]]) -> tuple[str, ...]:
        """The names that are offered for one kind of spec, sorted."""
        return tuple(sorted(name for known, name in self._capabilities if known == kind.kind))

    def _find(self, kind: type[SpecT], name: str) -> Capability[SpecT, Any]:
        found = self._capabilities.get((kind.kind, name), [])
        if not found:
            raise UnknownNameError(self._unknown(kind, name))
        if len(found) > 1:
            raise ConflictingNameError(conflict(kind.kind, name, [one.plugin for one in found]))
        found[0].check_requirements()
        self._used.setdefault(str(found[0].plugin), found[0].plugin)
        return found[0]

    def _unknown(self, kind: type[Spec[Any]], name: str) -> str:
        known = ", ".join(self.names(kind)) or "none"
        parts = [f"There is no {kind.kind} {name!r}. Known: {known}."]
        parts += [fault(plugin) for plugin in self._plugins if plugin.status == "broken"]
        disabled = [str(plugin) for plugin in self._plugins if plugin.status == "disabled"]
        if disabled:
            parts.append(f"Disabled plugins: {', '.join(disabled)}.")
        return " ".join(parts)


@cache
def installed_plugins() -> PluginRegistry:
    """The plugins of this process, loaded at the first call as the environment says.

    `installed_plugins.cache_clear()` makes the next call load them again.
    """
    return PluginRegistry.load(os.environ)


def plugins_in_use() -> tuple[Plugin, ...]:
    """Those of this process that something was looked up of; loads none."""
    return installed_plugins().used if installed_plugins.cache_info().currsize else ()


def load_candidates(candidates: Iterable[Candidate], selection: Selection) -> list[Plugin]:
    """A record of each candidate; only permitted ones are imported."""
    candidates = list(candidates)
    reserved = {candidate.name for candidate in candidates if candidate.bundled}
    return [load_candidate(candidate, selection, reserved) for candidate in candidates]


def load_candidate(candidate: Candidate, selection: Selection, reserved: set[str]) -> Plugin:
    """The record of one candidate."""
    if refusal := selection.refusal(candidate):
        return record(candidate, status="disabled", error=refusal)
    if candidate.name in reserved and not candidate.bundled:
        return record(candidate, status="broken", error="its name belongs to a bundled plugin")
    return load_plugin(candidate)


def fault(plugin: Plugin) -> str:
    """What to say about a broken plugin."""
    return (
        f"Plugin {plugin} can not be used: {plugin.error}. Upgrade or uninstall "
        f"{plugin.distribution}, or set {DENY}={plugin.name}."
    )


def absence(name: str) -> str:
    """What to say about a name in the allow-list that is not installed."""
    return f"{ALLOW} names {name!r}, which no distribution declares; see `pgq plugins list`."


def report(faults: Iterable[Fault], *, strict: bool) -> None:
    """Warn of each fault, with the traceback at level DEBUG, or raise for all of them."""
    found = list(faults)
    if strict and found:
        raise BrokenPluginError(" ".join(message for message, _ in found)) from found[0][1]
    for message, cause in found:
        logger.warning(
            "%s", message, exc_info=cause if logger.isEnabledFor(logging.DEBUG) else None
        )


def is_set(value: str) -> bool:
    """Whether a switch in the environment is on."""
    return value.strip().lower() in {"1", "true", "yes", "on"}
