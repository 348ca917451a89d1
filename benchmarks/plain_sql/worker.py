"""A worker without a library: claims a batch, runs it, settles it, or waits for a notification."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Awaitable, Callable

import asyncpg

from benchmarks.link import COUNTED, Link, WorkerOptions
from benchmarks.plain_sql import statement
from pgqueuer.adapters.cli.cli import asyncio_run

BATCH = 500
SAFETY_NET_SECONDS = 30.0


async def main() -> None:
    """Work until SIGTERM."""
    options, schema = WorkerOptions.read(), os.environ["PGQUEUER_SCHEMA"]
    stop, wake = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: _both(stop, wake))
    connection = await asyncpg.connect(os.environ["PGDSN"], server_settings={"search_path": schema})
    try:
        link = Link(options)
        note = link.time if options.payloads == "times" else link.number

        async def handle(payload: bytes | None) -> None:
            note(payload)

        with link.listening():
            await connection.add_listener(schema, lambda *_: wake.set())
            if options.driver == COUNTED:
                connection.add_query_logger(lambda _: _count(link))
            await link.go()
            await _work(connection, options.limit, handle, stop, wake)
    finally:
        await connection.close()


def _both(stop: asyncio.Event, wake: asyncio.Event) -> None:
    stop.set()
    wake.set()


def _count(link: Link) -> None:
    link.statements += 1


async def _work(
    connection: asyncpg.Connection,
    limit: int,
    handle: Callable[[bytes | None], Awaitable[None]],
    stop: asyncio.Event,
    wake: asyncio.Event,
) -> None:
    owner = uuid.uuid4()
    claim = await connection.prepare(statement("claim_limited" if limit else "claim"))
    settle = await connection.prepare(statement("settle"))
    while not stop.is_set():
        wake.clear()
        rows = await claim.fetch("noop", owner, limit or BATCH)
        for row in rows:
            await handle(row["payload"])
        if rows:
            await settle.fetch([row["id"] for row in rows], owner)
            continue
        try:
            async with asyncio.timeout(SAFETY_NET_SECONDS):
                await wake.wait()
        except TimeoutError:
            pass


if __name__ == "__main__":
    asyncio_run(main())
