"""The code of the guide to drivers."""

import asyncpg
import psycopg

from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, PgQueuer, PsycopgDriver, Queries, connect
from pgqueuer.domain.settings import ConnectionSettings, DBSettings
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment


async def by_name(dsn: str) -> int:
    settings = ConnectionSettings(dsn=dsn, pool_max_size=10)
    async with connect("asyncpg", settings) as driver:
        return len(await Queries(driver).enqueue("resize", b"cat.png"))


async def over_an_asyncpg_pool(dsn: str) -> int:
    async with asyncpg.create_pool(dsn, min_size=2) as pool:
        pgq = PgQueuer(AsyncpgPoolDriver(pool))
        return len(await pgq.qm.queries.enqueue("resize", b"cat.png"))


async def over_an_asyncpg_connection(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return len(await Queries(AsyncpgDriver(connection)).enqueue("resize", b"cat.png"))
    finally:
        await connection.close()


async def over_a_psycopg_connection(dsn: str) -> int:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        return len(await Queries(PsycopgDriver(connection)).enqueue("resize", b"cat.png"))


async def two_queues_in_one_database(dsn: str) -> Queries:
    connection = await asyncpg.connect(dsn)
    mail = QueryBuilderEnvironment(DBSettings(prefix="mail_"))
    queries = Queries(AsyncpgDriver(connection), qbe=mail)
    await queries.install()
    return queries
