from __future__ import annotations

import asyncio

import pytest

from pgqueuer import Queries
from pgqueuer.plugins import ServiceContext
from pgqueuer.testing.command import CommandConformance
from pgqueuer.testing.service import ServiceConformance
from pgqueuer_webhook.command import make_command
from pgqueuer_webhook.service import post_failures


class TestServiceInMemory(ServiceConformance):
    @pytest.fixture
    def service(self):
        return post_failures


class TestService(ServiceConformance):
    @pytest.fixture
    def service(self):
        return post_failures

    @pytest.fixture
    async def context(self, queries: Queries) -> ServiceContext:
        return ServiceContext(queries=queries, shutdown=asyncio.Event(), resources={})


class TestCommand(CommandConformance):
    @pytest.fixture
    def command_factory(self):
        return make_command
