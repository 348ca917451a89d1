from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.queries import Queries
from pgqueuer.web import create_web_router


@pytest.fixture
async def queries(queue_dsn: str) -> AsyncIterator[Queries]:
    async with (
        asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool,
        AsyncpgPoolDriver(pool) as driver,
    ):
        yield Queries(driver)


@pytest.fixture
async def visitor(queries: Queries) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has the page beside its own routes."""
    application = FastAPI()
    application.state.pgq_queries = queries
    application.include_router(create_web_router(), prefix="/queue")
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://page/queue") as client:
        yield client
