"""The code of the guide to enqueueing: jobs that exist if, and only if, other rows do."""

import asyncpg
import psycopg

from pgqueuer.db import AsyncpgDriver, PsycopgDriver, SyncPsycopgDriver
from pgqueuer.queries import Queries, SyncQueries


async def place_order(pool: asyncpg.Pool, item: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        order = await connection.fetchval(
            "INSERT INTO orders (item) VALUES ($1) RETURNING id", item
        )
        await Queries(AsyncpgDriver(connection)).enqueue("ship", str(order).encode())


async def place_order_with_psycopg(connection: psycopg.AsyncConnection, item: str) -> None:
    queries = Queries(PsycopgDriver(connection))  # needs autocommit=True
    async with connection.transaction():
        cursor = await connection.execute(
            "INSERT INTO orders (item) VALUES (%s) RETURNING id", [item]
        )
        (order,) = await cursor.fetchone() or ()
        await queries.enqueue("ship", str(order).encode())


def place_order_without_asyncio(connection: psycopg.Connection, item: str) -> None:
    with connection.transaction():
        cursor = connection.execute("INSERT INTO orders (item) VALUES (%s) RETURNING id", [item])
        (order,) = cursor.fetchone() or ()
        SyncQueries(SyncPsycopgDriver(connection)).enqueue("ship", str(order).encode())
