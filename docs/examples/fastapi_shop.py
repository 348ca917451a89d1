"""The code of the guide to web frameworks: jobs in the requests of FastAPI."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException, Request

from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, Queries


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["PGDSN"], min_size=1, max_size=10) as pool:
        app.state.pool = pool
        app.state.queries = Queries(AsyncpgPoolDriver(pool))
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=202)
async def place_order(request: Request, item: str) -> dict[str, int]:
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        order = await connection.fetchval(
            "INSERT INTO orders (item) VALUES ($1) RETURNING id", item
        )
        [job] = await Queries(AsyncpgDriver(connection)).enqueue("ship", str(order).encode())
    return {"order": order, "job": job}


@app.get("/jobs/{job_id}")
async def status_of_job(request: Request, job_id: int) -> dict[str, str]:
    found = await request.app.state.queries.job_status([job_id])
    if not found:
        raise HTTPException(404)
    return {"status": found[0].status}


@app.delete("/jobs/{job_id}", status_code=204)
async def cancel_job(request: Request, job_id: int) -> None:
    await request.app.state.queries.mark_job_as_cancelled([job_id])
