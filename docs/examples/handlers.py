"""The code of the guide to handlers: each function registers one kind of handler."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer
from pgqueuer.models import Context


def plain(pgq: PgQueuer) -> None:
    @pgq.entrypoint("ship")
    async def ship(job: Job) -> None:
        order = json.loads(job.payload or b"{}")
        print(f"Shipping {order['count']} of {order['item']}")


@asynccontextmanager
async def main() -> AsyncIterator[PgQueuer]:
    async with asyncpg.create_pool(min_size=2) as pool:
        pgq = PgQueuer(AsyncpgPoolDriver(pool), resources={"pool": pool})

        @pgq.entrypoint("ship")
        async def ship(job: Job, context: Context) -> None:
            orders = context.resources["pool"]
            assert isinstance(orders, asyncpg.Pool)
            await orders.execute(
                "UPDATE orders SET shipped = true WHERE id = $1", int(job.payload or b"0")
            )

        yield pgq


def stoppable(pgq: PgQueuer) -> None:
    @pgq.entrypoint("report")
    async def report(job: Job, context: Context) -> None:
        with context.cancellation:
            await asyncio.sleep(3600)
        if context.canceled:
            print("Cleaning up")


def limited(pgq: PgQueuer) -> None:
    @pgq.entrypoint("print", concurrency_limit=2)
    async def print_page(job: Job) -> None:
        await asyncio.sleep(0.01)


async def idempotent(pool: asyncpg.Pool, job: Job) -> None:
    await pool.execute(
        "INSERT INTO payments (job_id, amount) VALUES ($1, $2) ON CONFLICT (job_id) DO NOTHING",
        job.id,
        int(job.payload or b"0"),
    )
