"""The code of the guide to effects that happen exactly once."""

import asyncpg
import psycopg
from psycopg_pool import AsyncConnectionPool

from pgqueuer import Job, PgQueuer
from pgqueuer.models import Context


def with_asyncpg(pgq: PgQueuer, pool: asyncpg.Pool) -> None:
    @pgq.entrypoint("credit")
    async def credit(job: Job, context: Context) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE accounts SET balance = balance + 1 WHERE id = $1", int(job.payload or 0)
            )
            await context.complete_in_transaction(connection)


def with_psycopg(pgq: PgQueuer, pool: AsyncConnectionPool) -> None:
    @pgq.entrypoint("credit")
    async def credit(job: Job, context: Context) -> None:
        async with pool.connection() as connection, connection.transaction():
            await connection.execute(
                "UPDATE accounts SET balance = balance + 1 WHERE id = %s", [int(job.payload or 0)]
            )
            await context.complete_in_transaction(connection)


def in_a_thread(pgq: PgQueuer, dsn: str) -> None:
    @pgq.entrypoint("credit", executor="thread")
    def credit(job: Job, context: Context) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "UPDATE accounts SET balance = balance + 1 WHERE id = %s", [int(job.payload or 0)]
            )
            context.complete_in_transaction_sync(connection)
