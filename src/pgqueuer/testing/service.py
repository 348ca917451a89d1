"""A test suite for services: do they come and go with their worker, and leave nothing behind?

    from pgqueuer.testing.service import ServiceConformance

    class TestMyService(ServiceConformance):
        @pytest.fixture
        def service(self):
            return run_my_service

`service` is the factory of the ServiceSpec. Tests are coroutines: run them with pytest-asyncio in
its auto mode (`asyncio_mode = "auto"`). If yours is meant to end the worker by itself, say so in
the class: `ends_worker = True`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.plugins.specs import ServiceContext
from pgqueuer.testing.samples import HandlerError

__all__ = ["Service", "ServiceConformance"]

Service: TypeAlias = Callable[[ServiceContext], AbstractAsyncContextManager[None]]


class ServiceConformance:
    """Inherit from it and override `service`; `context` too if yours needs resources."""

    ends_worker = False

    @pytest.fixture
    def service(self) -> Service:
        """Opens the service with a ServiceContext."""
        raise NotImplementedError("Override the fixture `service`; return a callable.")

    @pytest.fixture
    async def context(self) -> ServiceContext:
        """What the worker gives: here a store inside of the process."""
        return ServiceContext(
            queries=InMemoryQueries(InMemoryDriver()), shutdown=asyncio.Event(), resources={}
        )

    async def test_it_leaves_no_task_behind(
        self, service: Service, context: ServiceContext
    ) -> None:
        before = asyncio.all_tasks()
        async with service(context):
            await asyncio.sleep(0)

        assert asyncio.all_tasks() == before

    async def test_it_runs_again_after_its_end(
        self, service: Service, context: ServiceContext
    ) -> None:
        for _ in range(2):
            async with service(context):
                await asyncio.sleep(0)

    async def test_it_ends_after_the_worker_began_to_drain(
        self, service: Service, context: ServiceContext
    ) -> None:
        async with service(context):
            context.shutdown.set()
            await asyncio.sleep(0)

    async def test_it_leaves_the_worker_alone(
        self, service: Service, context: ServiceContext
    ) -> None:
        async with context.queries.driver as driver:
            async with service(context):
                await asyncio.sleep(0)

            assert not driver.shutdown.is_set()
            assert self.ends_worker or not context.shutdown.is_set()

    async def test_an_error_of_the_worker_passes(
        self, service: Service, context: ServiceContext
    ) -> None:
        error = HandlerError("on purpose")
        before = asyncio.all_tasks()
        with pytest.raises(HandlerError) as caught:
            async with service(context):
                raise error

        assert caught.value is error
        assert asyncio.all_tasks() == before
