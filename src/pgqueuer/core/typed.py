"""Handlers that take a value of a type of their own instead of a job."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Literal, TypeAlias, get_origin

from pgqueuer.core.annotations import (
    Unresolved,
    globals_of,
    is_async_callable,
    resolve,
    signature_of,
    unpartial,
)
from pgqueuer.core.logconfig import logger
from pgqueuer.core.payloads import Codec, is_model_type, make_codec, type_name
from pgqueuer.domain.errors import InvalidPayloadError
from pgqueuer.domain.models import Context, Job
from pgqueuer.domain.types import JobId

Role: TypeAlias = Literal["payload", "job", "context"]
Execute: TypeAlias = Callable[[Job, Context], Awaitable[None]]


class TypedHandler:
    """A handler with the type of its payload, and the order in which it takes its arguments.

    `call` stands for the handler where an executor expects a function of the job: it decodes the
    payload each time, so that a retry inside an executor gets a value that nobody has changed. What
    is not called the way of a job, `call(job)` or `call(job, context)`, reaches the handler as it
    is.

    `decodes_first` tells whether a payload is looked at before the executor is called.
    """

    def __init__(
        self, func: Callable[..., Any], payload_type: Any, roles: tuple[Role, ...]
    ) -> None:
        self.func = func
        self.payload_type = payload_type
        self.roles = roles
        self.decodes_first = True
        self.call = _async_call(self) if is_async_callable(func) else _sync_call(self)
        self._decoded: dict[JobId, tuple[bytes | None, object]] = {}
        self._refused: dict[JobId, InvalidPayloadError] = {}

    @property
    def takes_context(self) -> bool:
        """Whether the handler takes the context."""
        return "context" in self.roles

    def prepare(self, execute: Execute, certain: bool) -> None:
        """Get ready for jobs that this method of an executor runs.

        An executor of the program's own, whose handler is not `certain` to want a payload, may
        decode by itself; then nothing is decoded before it passes a job. Else raises TypeError for
        a type that JSON has no form for.
        """
        ours = execute.__module__.partition(".")[0] == __name__.partition(".")[0]
        self.decodes_first = certain or ours
        if self.decodes_first:
            _ = self.codec

    @cached_property
    def codec(self) -> Codec:
        """Made on first use; raises TypeError for a type that JSON has no form for."""
        return make_codec(self.payload_type)

    def arguments(self, job: Job, context: Context | None) -> list[object]:
        """What to call `func` with; raises InvalidPayloadError."""
        if self.takes_context and context is None:
            raise TypeError(f"{self.func!r} takes a Context, and its executor passes none")
        given = {"payload": self._take(job), "job": job, "context": context}
        return [given[role] for role in self.roles]

    def _take(self, job: Job) -> object:
        payload, value = self._decoded.pop(job.id, (None, None))
        # An executor may pass a job that it changed.
        if payload is not None and payload == job.payload:
            return value
        try:
            return self.codec.decode(job.payload)
        except InvalidPayloadError as error:
            self._refused[job.id] = error
            raise

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[object, ...]:
        """The arguments of `func` for a call of `call`."""
        match args:
            case (Job() as job,) if not kwargs:
                return tuple(self.arguments(job, None))
            case (Job() as job, Context() as context) if not kwargs:
                return tuple(self.arguments(job, context))
        return args

    async def execute(self, execute: Execute, job: Job, context: Context) -> None:
        """Run `job` by the method of its executor.

        Raises InvalidPayloadError for a payload that could not be read, whatever the executor made
        of that.
        """
        try:
            if self.decodes_first:
                self._decoded[job.id] = job.payload, self.codec.decode(job.payload)
            await execute(job, context)
        except Exception as error:
            refused = self._refused.get(job.id)
            if refused is None or refused is error:
                raise
            raise refused  # noqa: B904 - what the executor made of it says nothing more
        finally:
            self._decoded.pop(job.id, None)
            self._refused.pop(job.id, None)


def _async_call(typed: TypedHandler) -> Any:
    async def call(*args: object, **kwargs: object) -> object:
        return await typed.func(*typed.bind(args, kwargs), **kwargs)

    return _dressed(call, typed)


def _sync_call(typed: TypedHandler) -> Any:
    def call(*args: object, **kwargs: object) -> object:
        return typed.func(*typed.bind(args, kwargs), **kwargs)

    return _dressed(call, typed)


def _dressed(call: Any, typed: TypedHandler) -> Any:
    """Give `call` the name of the handler and the signature of a handler of jobs."""
    names = ("__module__", "__name__", "__qualname__", "__doc__")
    call = update_wrapper(call, typed.func, assigned=names, updated=())
    del call.__wrapped__
    parameters = {"job": Job} | ({"context": Context} if typed.takes_context else {})
    call.__signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY, annotation=annotation)
            for name, annotation in parameters.items()
        ]
    )
    return call


def typed_handler(
    func: Callable[..., Any],
    payload_type: Any,
    accepts_context: bool | None,
    names: Mapping[str, object],
) -> TypedHandler | None:
    """What `func` takes, if it takes a payload; None for a handler of jobs.

    With `payload_type` None the annotations decide, and only a model, a dataclass or a Struct that
    no handler of jobs could have counts as a payload. `names` has the local names of the place
    where `func` is registered. Raises TypeError for a function that can not take `payload_type`.
    """
    declared = payload_type is not None
    try:
        parameters = list(signature_of(func).parameters.values())
    except (TypeError, ValueError):
        if declared:
            raise
        return None
    local = names if "<locals>" in getattr(unpartial(func), "__qualname__", "") else {}
    found = [
        (parameter, resolve(parameter.annotation, globals_of(func), local))
        for parameter in parameters
    ]
    places = _places(found, accepts_context, declared)
    if declared:
        _require(func, payload_type, accepts_context, places)
        return TypedHandler(func, payload_type, tuple(places))
    annotation = places.get("payload")
    if not _is_payload_type(annotation) or (accepts_context and "context" not in places):
        _warn_of_unresolved(func, found)
        return None
    return TypedHandler(func, annotation, tuple(places))


def _places(
    parameters: list[tuple[inspect.Parameter, object]],
    accepts_context: bool | None,
    declared: bool,
) -> dict[Role, object]:
    """What to pass, in order, with its annotation; empty for a function that fits no role.

    What may be left out is left out, unless it is annotated as Job or Context.
    """
    places: dict[Role, object] = {}
    complete = False
    for parameter, annotation in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        role = _role(annotation)
        required = parameter.default is parameter.empty
        fits = role not in places and not (role == "context" and accepts_context is False)
        fits &= parameter.kind is not parameter.KEYWORD_ONLY
        if not fits and required:
            return {}
        if not fits or (role == "payload" and not required and not declared):
            # Arguments are passed by position: nothing behind a gap.
            complete = True
        if not complete:
            places[role] = annotation
    return places


def _role(annotation: object) -> Role:
    if isinstance(annotation, type) and issubclass(annotation, Job):
        return "job"
    return "context" if annotation is Context else "payload"


def _is_payload_type(annotation: object) -> bool:
    """Whether the annotation tells a payload from a job, for certain."""
    model = get_origin(annotation) or annotation
    return (
        is_model_type(model)
        and isinstance(model, type)
        and not issubclass(Job, model)
        and not getattr(model, "_is_protocol", False)
    )


def _require(
    func: Callable[..., Any],
    payload_type: Any,
    accepts_context: bool | None,
    places: Mapping[Role, object],
) -> None:
    name = type_name(payload_type)
    if "payload" not in places or (accepts_context and "context" not in places):
        raise TypeError(
            f"{func!r} must take one {name}; annotate the parameters for Job and Context, and "
            "give others a default"
        )
    annotation = places["payload"]
    if not (_is_payload_type(annotation) and is_model_type(payload_type)):
        return
    taken: Any = get_origin(annotation) or annotation
    if not issubclass(get_origin(payload_type) or payload_type, taken):
        raise TypeError(f"{func!r} takes {type_name(annotation)}, and its jobs carry {name}")


def _warn_of_unresolved(
    func: Callable[..., Any], parameters: list[tuple[inspect.Parameter, object]]
) -> None:
    for _, annotation in parameters:
        if isinstance(annotation, Unresolved) and not annotation.text.endswith(("Job", "Context")):
            logger.warning(
                "The annotation %s of %r can not be found when the program runs, so the handler "
                "gets a Job. If it wants a payload, import the type outside of TYPE_CHECKING or "
                "give payload_type=",
                annotation.text,
                func,
            )
