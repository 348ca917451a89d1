"""The types of `entrypoint`: what it takes, and which handlers its decorator accepts.

A handler takes its payload, the Job and the Context in any order, and is returned as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict, TypeVar, overload

from pgqueuer.domain.models import Context, Job
from pgqueuer.domain.types import Model, OnFailure

if TYPE_CHECKING:
    from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters

ExecutorFactory: TypeAlias = "Callable[[EntrypointExecutorParameters], AbstractEntrypointExecutor]"

AsyncExecutor: TypeAlias = Literal["default", "database-retry"]
"""Executors, by name, that want an async function; of others no more is known."""

P = TypeVar("P")
M = TypeVar("M", bound=Model)
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., object])


class EntrypointOptions(TypedDict, total=False):
    """The arguments of `entrypoint` that say nothing about the payload."""

    concurrency_limit: int
    accepts_context: bool | None
    on_failure: OnFailure
    executor_factory: ExecutorFactory | None
    executor_options: Mapping[str, object] | None
    max_takeovers: int
    timeout: timedelta | None


class Registration(Protocol):
    """Takes a handler of jobs, or one whose annotation says which model it wants."""

    @overload
    def __call__(self, func: Callable[[Job], Awaitable[R]], /) -> Callable[[Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, Context], Awaitable[R]], /
    ) -> Callable[[Job, Context], Awaitable[R]]: ...

    @overload
    def __call__(self, func: Callable[[M], Awaitable[R]], /) -> Callable[[M], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[M, Job], Awaitable[R]], /
    ) -> Callable[[M, Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, M], Awaitable[R]], /
    ) -> Callable[[Job, M], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[M, Context], Awaitable[R]], /
    ) -> Callable[[M, Context], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Context, M], Awaitable[R]], /
    ) -> Callable[[Context, M], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[M, Job, Context], Awaitable[R]], /
    ) -> Callable[[M, Job, Context], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[M, Context, Job], Awaitable[R]], /
    ) -> Callable[[M, Context, Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, M, Context], Awaitable[R]], /
    ) -> Callable[[Job, M, Context], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, Context, M], Awaitable[R]], /
    ) -> Callable[[Job, Context, M], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Context, M, Job], Awaitable[R]], /
    ) -> Callable[[Context, M, Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Context, Job, M], Awaitable[R]], /
    ) -> Callable[[Context, Job, M], Awaitable[R]]: ...


class TypedRegistration(Protocol[P]):
    """Takes a handler of a payload that is a `P`."""

    @overload
    def __call__(self, func: Callable[[P], Awaitable[R]], /) -> Callable[[P], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[P, Job], Awaitable[R]], /
    ) -> Callable[[P, Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, P], Awaitable[R]], /
    ) -> Callable[[Job, P], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[P, Context], Awaitable[R]], /
    ) -> Callable[[P, Context], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Context, P], Awaitable[R]], /
    ) -> Callable[[Context, P], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[P, Job, Context], Awaitable[R]], /
    ) -> Callable[[P, Job, Context], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[P, Context, Job], Awaitable[R]], /
    ) -> Callable[[P, Context, Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, P, Context], Awaitable[R]], /
    ) -> Callable[[Job, P, Context], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Job, Context, P], Awaitable[R]], /
    ) -> Callable[[Job, Context, P], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Context, P, Job], Awaitable[R]], /
    ) -> Callable[[Context, P, Job], Awaitable[R]]: ...

    @overload
    def __call__(
        self, func: Callable[[Context, Job, P], Awaitable[R]], /
    ) -> Callable[[Context, Job, P], Awaitable[R]]: ...


class AnyRegistration(Protocol):
    """Takes any function, for an executor that has its own view of handlers."""

    def __call__(self, func: F, /) -> F: ...
