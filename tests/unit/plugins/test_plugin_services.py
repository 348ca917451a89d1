from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from pgqueuer.plugins import ServiceContext
from pgqueuer.plugins.services import running

LABEL = "service 'x' of plugin acme (acme 1.0)"


@asynccontextmanager
async def never_starts(context: ServiceContext) -> AsyncIterator[None]:
    await asyncio.Event().wait()
    yield


@asynccontextmanager
async def never_ends(context: ServiceContext) -> AsyncIterator[None]:
    yield
    await asyncio.Event().wait()


async def beside(factory: Any) -> bool:
    """Whether the block ran beside the service, which gets no time."""
    async with running({LABEL: factory}, cast(ServiceContext, None), patience=0.01):
        return True


async def test_a_service_that_does_not_start_is_named_and_not_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await beside(never_starts)
    assert f"The {LABEL} has not started within 0.01 seconds" in caplog.text


async def test_a_service_that_does_not_end_is_named_and_canceled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await beside(never_ends)
    assert f"The {LABEL} did not end within 0.01 seconds" in caplog.text
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_factory_that_gives_no_context_is_named(caplog: pytest.LogCaptureFixture) -> None:
    assert await beside(lambda context: None)
    assert f"The {LABEL} did not start" in caplog.text
