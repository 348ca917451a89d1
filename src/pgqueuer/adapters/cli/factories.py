"""Loading what `pgq run` and `pgq --factory` are pointed at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from inspect import iscoroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pgqueuer.domain.errors import PgqException

T = TypeVar("T")


class Factory(Protocol):
    """Makes an async context manager; called with no argument, or with one list of strings."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class FactoryReferenceError(PgqException, ValueError):
    """The reference is not of the form "package.module:attribute"."""


class FactoryModuleError(PgqException, ModuleNotFoundError):
    """The module of the reference was not found."""


class FactoryAttributeError(PgqException, AttributeError):
    """The module has no such attribute."""


class FactoryTypeError(PgqException, TypeError):
    """The factory can not be called, or does not return an asynchronous context manager."""


def load_factory(ref: str | Callable[..., Any]) -> Factory:
    """The callable that "package.module:attribute" names; a callable is returned as it is.

    The working directory goes first on sys.path. Raises one of the errors above; what the module
    itself raises is passed on.
    """
    if not isinstance(ref, str):
        return _callable(ref, repr(ref))
    module_name, separator, attribute = ref.partition(":")
    if not (separator and module_name and attribute):
        raise FactoryReferenceError(f"{ref!r} is not of the form 'package.module:attribute'.")
    found: object = _import(module_name, ref)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise FactoryAttributeError(f"There is no {name!r} in {module_name!r}; check {ref!r}.")
        found = getattr(found, name)
    return _callable(found, ref)


def _import(module_name: str, ref: str) -> object:
    directory = str(Path.cwd())
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise FactoryModuleError(
            f"There is no module {error.name!r} in {directory} or among the installed packages; "
            f"check {ref!r}.",
            name=error.name,
        ) from error


def _callable(found: object, ref: str) -> Factory:
    if not callable(found):
        raise FactoryTypeError(
            f"{ref} is of type {type(found).__name__} and can not be called; "
            "point to an @asynccontextmanager function."
        )
    return found


def validate_factory_result(result: T) -> T:
    """`result` itself, an async context manager.

    Raises FactoryTypeError, a TypeError, for anything else; a coroutine is closed first, so that
    it warns of nothing.
    """
    if isinstance(result, AbstractAsyncContextManager):
        return result
    if iscoroutine(result):
        result.close()
    raise FactoryTypeError(
        f"The factory returned {type(result).__name__}, not an AsyncContextManager; "
        "decorate it with @asynccontextmanager and yield the manager."
    )
