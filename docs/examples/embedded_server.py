"""The code of the guide to the embedded server."""

import asyncpg

from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.adapters import embedded


async def server_of_a_test(folder: str) -> int:
    with embedded.start(folder, options={"fsync": "off"}) as server:
        connection = await asyncpg.connect(server.dsn())
        queries = Queries(AsyncpgDriver(connection))
        await queries.upgrade()
        ids = await queries.enqueue("greet", b"World")
        await connection.close()
    return len(ids)
