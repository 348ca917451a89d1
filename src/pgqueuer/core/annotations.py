"""What the annotations of a handler say, looked up where it was defined."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, ForwardRef


class Unresolved:
    """Stands for an annotation whose names can not be found; `text` is how it is written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def is_async_callable(obj: object) -> bool:
    """Whether calling `obj` gives a coroutine.

    True for async functions and methods, objects with an async `__call__`, and partials of those.
    """
    obj = unpartial(obj)
    if inspect.iscoroutinefunction(obj):
        return True
    # Calling a class makes an instance, whatever the `__call__` of its instances does.
    return (
        callable(obj)
        and not isinstance(obj, type)
        and inspect.iscoroutinefunction(type(obj).__call__)
    )


def wants_context(func: object, context_type: type) -> bool:
    """Whether `func` has a positional parameter that is annotated with exactly `context_type`.

    Annotations in quotes are looked up where `func` was defined; one that can not be found does
    not count.
    """
    if not callable(func):
        return False
    try:
        parameters = signature_of(func).parameters.values()
    except (ValueError, TypeError):
        return False
    namespace = globals_of(func)
    return any(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and resolve(parameter.annotation, namespace) is context_type
        for parameter in parameters
    )


def signature_of(func: Callable[..., object]) -> inspect.Signature:
    """The signature with its annotations unresolved; raises as `inspect.signature` does."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format  # noqa: PLC0415

        # Otherwise one unknown name in any annotation would raise.
        return inspect.signature(func, annotation_format=Format.FORWARDREF)
    return inspect.signature(func)


def globals_of(func: Callable[..., object]) -> dict[str, object]:
    """The global names of the module where the code of `func` stands."""
    inner = inspect.unwrap(unpartial(func))
    found = getattr(inner, "__globals__", None)
    if found is None:
        found = getattr(inspect.unwrap(type(inner).__call__), "__globals__", {})
    return found


def unpartial(obj: object) -> Any:
    """The function that partials stand before."""
    while isinstance(obj, functools.partial):
        obj = obj.func
    return obj


def resolve(
    annotation: object, names: dict[str, object], more: Mapping[str, object] | None = None
) -> object:
    """What `annotation` means, or Unresolved; `more` has names for what `names` does not know."""
    # Twice, for a quoted annotation in a module whose annotations are all strings.
    for _ in range(2):
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            annotation = _evaluate(annotation, names, more or {})
    return annotation


def _evaluate(text: str, names: dict[str, object], more: Mapping[str, object]) -> object:
    for local in ({}, more):
        try:
            return eval(text, names, local)  # noqa: S307 - the program's own source
        except Exception:  # noqa: S112 - whatever it is, it is no type that we know
            continue
    return Unresolved(text)
