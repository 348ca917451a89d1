"""Services by name, for `pgq run --service`."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pgqueuer.plugins.registry import PluginRegistry, installed_plugins
from pgqueuer.plugins.specs import ServiceContext

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import ServiceFactory

logger = logging.getLogger(__name__)


def resolve_services(
    names: Sequence[str], *, registry: PluginRegistry | None = None
) -> dict[str, ServiceFactory]:
    """The factories of the named services, in order.

    Raises as the lookups of the registry do, and FactoryError.
    """
    if not names:
        return {}
    plugins = installed_plugins() if registry is None else registry
    return {name: plugins.service(name).load() for name in names}


@asynccontextmanager
async def running(
    services: Mapping[str, ServiceFactory], context: ServiceContext
) -> AsyncGenerator[None]:
    """Run the services beside the block.

    One that fails, at its start or its end, is logged with its traceback; the block goes on.
    """
    async with AsyncExitStack() as stack:
        for name, factory in services.items():
            await stack.enter_async_context(_guarded(name, factory, context))
        yield


@asynccontextmanager
async def _guarded(
    name: str, factory: ServiceFactory, context: ServiceContext
) -> AsyncGenerator[None]:
    stack = AsyncExitStack()
    try:
        await stack.enter_async_context(factory(context))
    except Exception:  # foreign code
        logger.exception("The service %s did not start; the worker goes on without it", name)
    try:
        yield
    finally:
        try:
            await stack.aclose()
        except Exception:  # foreign code
            logger.exception("The service %s did not end well", name)
