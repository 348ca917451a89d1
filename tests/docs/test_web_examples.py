"""The applications of the guide to web frameworks, with a worker that runs their jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

import asyncpg
import pytest

from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer
from tests.support.documents import example
from tests.support.kernel import until, working

ORDERS = "CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL CHECK (item <> ''))"


@pytest.fixture
async def pool(queue_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
        await pool.execute(ORDERS)
        yield pool


@asynccontextmanager
async def shipping(pool: asyncpg.Pool) -> AsyncIterator[list[bytes | None]]:
    """A worker for the entrypoint `ship`; gives the payloads that it got."""
    pgq, shipped = PgQueuer(AsyncpgPoolDriver(pool)), []

    @pgq.entrypoint("ship")
    async def ship(job: Job) -> None:
        shipped.append(job.payload)

    async with working(pgq):
        yield shipped


async def counts(pool: asyncpg.Pool) -> tuple[int, int]:
    """How many orders and how many jobs there are."""
    return (
        await pool.fetchval("SELECT count(*) FROM orders"),
        await pool.fetchval("SELECT count(*) FROM pgqueuer"),
    )


@pytest.fixture
def fastapi_shop(queue_dsn: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("PGDSN", queue_dsn)
    return example("fastapi_shop")


async def test_fastapi_enqueues_tells_and_cancels(
    fastapi_shop: ModuleType, pool: asyncpg.Pool
) -> None:
    import httpx

    app = fastapi_shop.app
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        assert (await client.get("/jobs/1")).status_code == 404
        assert (await client.post("/orders", params={"item": ""})).status_code == 500
        assert await counts(pool) == (0, 0)

        canceled = (await client.post("/orders", params={"item": "bicycle"})).json()["job"]
        assert (await client.delete(f"/jobs/{canceled}")).status_code == 204
        assert (await client.get(f"/jobs/{canceled}")).json() == {"status": "canceled"}

        placed = (await client.post("/orders", params={"item": "car"})).json()
        assert (await client.get(f"/jobs/{placed['job']}")).json() == {"status": "queued"}
        assert await counts(pool) == (2, 1)

        async def successful() -> bool:
            answer = await client.get(f"/jobs/{placed['job']}")
            return bool(answer.json() == {"status": "successful"})

        async with shipping(pool) as shipped:
            await until(successful)
        assert shipped == [str(placed["order"]).encode()]


async def test_flask_enqueues_tells_and_cancels(queue_dsn: str, pool: asyncpg.Pool) -> None:
    app = example("flask_shop").create_app(queue_dsn)
    client = app.test_client()
    try:
        assert client.get("/jobs/1").status_code == 404
        assert client.post("/orders", data={"item": ""}).status_code == 500
        assert await counts(pool) == (0, 0)

        canceled = client.post("/orders", data={"item": "bicycle"}).json["job"]
        assert client.delete(f"/jobs/{canceled}").status_code == 204
        assert client.get(f"/jobs/{canceled}").json == {"status": "canceled"}

        placed = client.post("/orders", data={"item": "car"}).json
        assert client.get(f"/jobs/{placed['job']}").json == {"status": "queued"}
        assert await counts(pool) == (2, 1)

        async def successful() -> bool:
            answer = await asyncio.to_thread(client.get, f"/jobs/{placed['job']}")
            return bool(answer.json == {"status": "successful"})

        async with shipping(pool) as shipped:
            await until(successful)
        assert shipped == [str(placed["order"]).encode()]
    finally:
        app.extensions["pool"].close()
