"""The web page of the queue beside the routes of an application."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import pgqueuer
from pgqueuer import Queries
from pgqueuer.web import create_web_router


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with pgqueuer.connect() as driver:
        app.state.pgq_queries = Queries(driver)
        yield


app = FastAPI(lifespan=lifespan)
app.include_router(create_web_router(include_sse=False), prefix="/queue")
