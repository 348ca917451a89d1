"""A service that touches a file while the worker lives, for a liveness probe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pgqueuer.plugins import ServiceContext, ServiceSpec, hookimpl


@hookimpl
def pgqueuer_register_services() -> Iterator[ServiceSpec]:
    yield ServiceSpec(
        name="acme-alive",
        factory="acme_service:keep_alive_file",
        summary="touches the file that ACME_ALIVE_FILE names every ten seconds",
    )


async def touch_until(path: Path, shutdown: asyncio.Event) -> None:
    while not shutdown.is_set():
        await asyncio.to_thread(path.touch)
        with suppress(TimeoutError):
            await asyncio.wait_for(shutdown.wait(), 10)


@asynccontextmanager
async def keep_alive_file(context: ServiceContext) -> AsyncGenerator[None]:
    path = Path(os.environ.get("ACME_ALIVE_FILE", "alive"))
    touching = asyncio.create_task(touch_until(path, context.shutdown))
    try:
        yield
    finally:
        touching.cancel()
        await asyncio.gather(touching, return_exceptions=True)
        await asyncio.to_thread(path.unlink, missing_ok=True)
