# app.py
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pgqueuer import Job, PgQueuer, connect


@asynccontextmanager
async def main() -> AsyncIterator[PgQueuer]:
    async with connect() as driver:
        pgq = PgQueuer(driver)

        @pgq.entrypoint("greet")
        async def greet(job: Job) -> None:
            name = (job.payload or b"nobody").decode()
            print(f"Hello, {name}!")

        yield pgq
