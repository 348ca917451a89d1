"""The time that one run of a handler may take."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta


@asynccontextmanager
async def deadline(timeout: timedelta | None) -> AsyncIterator[None]:
    """Cancel the block after `timeout` and raise TimeoutError with the reason; None: never.

    A TimeoutError of the block's own passes unchanged. A block that ignores its cancellation is
    waited for.
    """
    if timeout is None:
        yield
        return
    scope = asyncio.timeout(timeout.total_seconds())
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise TimeoutError(f"The handler took longer than its timeout of {timeout}") from error


def within(
    timeout: timedelta, func: Callable[..., Awaitable[object]]
) -> Callable[..., Awaitable[object]]:
    """`func` with a `deadline` around each call; the rest of it looks the same."""

    @functools.wraps(func)
    async def limited(*args: object) -> object:
        async with deadline(timeout):
            return await func(*args)

    return limited


def check_timeout(timeout: object) -> None:
    """Raise TypeError or ValueError unless `timeout` is None or a duration above zero."""
    if timeout is None:
        return
    if not isinstance(timeout, timedelta):
        raise TypeError(f"timeout must be a timedelta or None, got {timeout!r}")
    if timeout <= timedelta(0):
        raise ValueError(f"timeout must be longer than zero, got {timeout}")
