"""Registering entrypoints: what is said about a handler, and the executor made of it."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, Unpack, get_args, overload

from pgqueuer.core.deadline import check_timeout, within
from pgqueuer.core.executors import (
    AbstractEntrypointExecutor,
    EntrypointExecutor,
    EntrypointExecutorParameters,
    is_async_callable,
    wants_context,
)
from pgqueuer.core.registration import (
    AnyRegistration,
    AsyncExecutor,
    EntrypointOptions,
    ExecutorFactory,
    Registration,
    TypedRegistration,
)
from pgqueuer.core.typed import typed_handler
from pgqueuer.domain.job_type import JobType
from pgqueuer.domain.lifecycle import DEFAULT_MAX_TAKEOVERS
from pgqueuer.domain.models import Context
from pgqueuer.domain.types import OnFailure

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class EntrypointRegistrar:
    """The decorator of a manager, which keeps the executors."""

    @overload
    def entrypoint(
        self,
        name: str,
        *,
        executor: AsyncExecutor | None = None,
        **options: Unpack[EntrypointOptions],
    ) -> Registration: ...

    @overload
    def entrypoint(
        self,
        name: JobType[T],
        *,
        executor: AsyncExecutor | None = None,
        **options: Unpack[EntrypointOptions],
    ) -> TypedRegistration[T]: ...

    @overload
    def entrypoint(
        self,
        name: str,
        *,
        payload_type: type[T],
        executor: AsyncExecutor | None = None,
        **options: Unpack[EntrypointOptions],
    ) -> TypedRegistration[T]: ...

    @overload
    def entrypoint(
        self,
        name: str,
        *,
        payload_type: object,
        executor: AsyncExecutor | None = None,
        **options: Unpack[EntrypointOptions],
    ) -> TypedRegistration[Any]: ...

    @overload
    def entrypoint(
        self,
        name: str | JobType[Any],
        *,
        executor: str | None,
        payload_type: object = None,
        **options: Unpack[EntrypointOptions],
    ) -> AnyRegistration: ...

    def entrypoint(
        self,
        name: str | JobType[Any],
        *,
        concurrency_limit: int = 0,
        accepts_context: bool | None = None,
        on_failure: OnFailure = "delete",
        executor_factory: ExecutorFactory | None = None,
        executor: str | None = None,
        executor_options: Mapping[str, object] | None = None,
        max_takeovers: int = DEFAULT_MAX_TAKEOVERS,
        timeout: timedelta | None = None,
        payload_type: object = None,
    ) -> Any:
        """Register an async function as the handler of the jobs called `name`.

        It takes a Job; or a payload of the type that a JobType, `payload_type` or its annotation
        says (a model, a dataclass or a Struct), beside parameters for the Job and the Context. A
        payload that can not be read parks its job, whatever the rest says.

        At most `concurrency_limit` of them are picked at once in the whole fleet (0: no limit).
        `accepts_context` None looks whether a parameter is annotated as Context. With `on_failure`
        "hold" a failed job is parked instead of deleted. What runs the handler comes from
        `executor_factory`, or by name from an installed plugin as `executor`, with
        `executor_options`. A job that came back from a dead worker `max_takeovers` times is parked
        the next time. A handler that takes longer than `timeout` is canceled, and has raised
        TimeoutError.

        Raises ValueError for values out of range, RuntimeError for a name that is taken, TypeError
        for a handler that its executor (most want an async one) or the payload does not fit.
        """
        name, declared = _named(name, payload_type)
        self.require_free(name)
        _check(concurrency_limit, accepts_context, on_failure, max_takeovers, timeout)
        factory = _executor_factory(executor_factory, executor, executor_options)

        def register(func: F) -> F:
            typed = typed_handler(func, declared, accepts_context, sys._getframe(1).f_locals)
            if typed is not None:
                context = typed.takes_context
            elif accepts_context is None:
                context = wants_context(func, Context)
            else:
                context = accepts_context
            parameters = EntrypointExecutorParameters(
                concurrency_limit=concurrency_limit,
                func=_limited(func if typed is None else typed.call, timeout),
                accepts_context=context,
                on_failure=on_failure,
                max_takeovers=max_takeovers,
                timeout=timeout,
                typed=typed,
            )
            made = factory(parameters)
            if typed is not None:
                typed.prepare(made.execute, certain=declared is not None or executor is not None)
            self.register_executor(name, made)
            return func

        return register

    @abstractmethod
    def register_executor(self, name: str, executor: AbstractEntrypointExecutor) -> None:
        """Register a ready executor; raises RuntimeError for a name that is taken."""

    @abstractmethod
    def require_free(self, name: str) -> None:
        """Raise RuntimeError for a name that is taken."""


def _check(
    concurrency_limit: int,
    accepts_context: bool | None,
    on_failure: OnFailure,
    max_takeovers: int,
    timeout: timedelta | None,
) -> None:
    if not isinstance(concurrency_limit, int):
        raise ValueError(f"concurrency_limit must be int, got {concurrency_limit!r}")
    if concurrency_limit < 0:
        raise ValueError(
            f"concurrency_limit must be at least 0 (no limit), got {concurrency_limit}"
        )
    if accepts_context is not None and not isinstance(accepts_context, bool):
        raise ValueError(f"accepts_context must be a bool or None, got {accepts_context!r}")
    if on_failure not in get_args(OnFailure):
        raise ValueError(f"on_failure must be 'delete' or 'hold', got {on_failure!r}")
    if not isinstance(max_takeovers, int) or max_takeovers < 0:
        raise ValueError(f"max_takeovers must be an int of at least 0, got {max_takeovers!r}")
    check_timeout(timeout)


def _executor_factory(
    factory: ExecutorFactory | None,
    name: str | None,
    options: Mapping[str, object] | None,
) -> ExecutorFactory:
    if name is None:
        if options:
            raise TypeError("executor_options needs executor, the name of an executor")
        return factory or EntrypointExecutor
    if factory is not None:
        raise TypeError("give either executor_factory or executor, not both")
    from pgqueuer.plugins.executors import resolve_executor  # noqa: PLC0415

    return resolve_executor(name, options or {})


def _named(name: str | JobType[Any], payload_type: object) -> tuple[str, object]:
    if not isinstance(name, JobType):
        return name, payload_type
    if payload_type is not None:
        raise TypeError(f"{name!r} has its payload type already; leave payload_type out")
    return name.name, name.payload_type


def _limited(func: Callable[..., Any], timeout: timedelta | None) -> Callable[..., Any]:
    """An async handler heeds its timeout wherever its executor calls it."""
    return within(timeout, func) if timeout is not None and is_async_callable(func) else func
