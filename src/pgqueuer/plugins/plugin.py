"""A plugin as it was found, and a thing that it offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast

from pgqueuer.plugins.errors import FactoryError, MissingRequirementError
from pgqueuer.plugins.specs import DriverSpec, FactoryT, Spec

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import RepositoryFactory

Status: TypeAlias = Literal["active", "disabled", "broken", "conflict"]

SpecT = TypeVar("SpecT", bound=Spec[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One entry point of the group, whatever became of it.

    `specs` is empty unless the plugin is active or in conflict. `error` says in one line why it is
    disabled, broken or in conflict; `cause` is the exception behind it, where there is one.
    """

    name: str
    distribution: str
    version: str
    bundled: bool = False
    status: Status = "active"
    specs: tuple[Spec[Any], ...] = ()
    error: str | None = None
    cause: BaseException | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"

    @property
    def provides(self) -> tuple[str, ...]:
        """What it offers, each as "kind:name", as in "schedule-executor:default"."""
        return tuple(f"{spec.kind.replace(' ', '-')}:{spec.name}" for spec in self.specs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability(Generic[SpecT, FactoryT]):
    """A spec and the plugin that it came from."""

    spec: SpecT
    plugin: Plugin

    def __str__(self) -> str:
        return f"{self.spec.kind} {self.spec.name!r} of plugin {self.plugin}"

    @property
    def missing(self) -> tuple[str, ...]:
        """The required modules that are not installed; nothing is imported."""
        return tuple(name for name in self.spec.requires if not installed(name))

    def check_requirements(self) -> None:
        """Raise MissingRequirementError, with what to install, if a module is missing."""
        if missing := self.missing:
            raise MissingRequirementError(
                f"The {self} needs {', '.join(missing)}, which is not installed. {self._remedy()}"
            )

    def load(self) -> FactoryT:
        """The factory, imported now if the spec only refers to it.

        Raises MissingRequirementError or FactoryError.
        """
        return cast(FactoryT, self.resolve(self.spec.factory))

    def resolve(self, reference: object) -> object:
        """The object that a field of the spec refers to; errors as for `load`."""
        self.check_requirements()
        if not isinstance(reference, str):
            return reference
        try:
            return import_reference(reference)
        except Exception as exc:
            raise FactoryError(
                f"The {self} refers to {reference!r}, which can not be imported: "
                f"{describe(exc)}. {self._remedy(missing=isinstance(exc, ModuleNotFoundError))}"
            ) from exc

    def _remedy(self, *, missing: bool = True) -> str:
        if missing and self.spec.install:
            return f"Install it with: {self.spec.install}"
        return f"Upgrade or uninstall {self.plugin.distribution}."


def load_repository(driver: Capability[DriverSpec, Any]) -> RepositoryFactory:
    """The factory of the store that belongs to a driver; errors as for `Capability.load`."""
    return cast("RepositoryFactory", driver.resolve(driver.spec.repository))


def installed(module: str) -> bool:
    """Whether the top-level package of `module` can be found, without importing it."""
    try:
        return find_spec(module.partition(".")[0]) is not None
    except ValueError:
        # Raised for a module that is loaded already and has no spec.
        return True


def import_reference(reference: str) -> object:
    """The object behind "package.module:attribute"; raises what importing it raises."""
    module, _, path = reference.partition(":")
    target: object = import_module(module)
    for attribute in path.split("."):
        target = getattr(target, attribute)
    return target


def describe(exc: BaseException) -> str:
    """The type and text of an exception, on one line."""
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def capabilities(plugins: tuple[Plugin, ...]) -> Iterator[Capability[Any, Any]]:
    """Everything that the plugins offer, in their order."""
    for plugin in plugins:
        for spec in plugin.specs:
            yield Capability(spec=spec, plugin=plugin)
