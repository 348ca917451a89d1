"""A process that enqueues, as fast as it can or at a pace, and prints how it went."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, Self

import asyncpg

from benchmarks.measuring import LIBRARY
from benchmarks.plain_sql import statement
from pgqueuer import Queries, connect
from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.queries import NewJob

VARIABLE = "PGQUEUER_BENCH_PRODUCER"
BATCH = 1_000
PACED_CONNECTIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerOptions:
    """Who sends how: `jobs` by so many `at_once`, or `rate` jobs a second for `seconds`."""

    contestant: str
    how: Literal["one", "batch", "copy", "paced"]
    jobs: int = 0
    at_once: int = 1
    driver: str = "asyncpg"
    rate: float = 0
    seconds: float = 0

    def environment(self) -> dict[str, str]:
        """What hands the options to the process."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def read(cls) -> Self:
        """The options that this process was given."""
        return cls(**json.loads(os.environ[VARIABLE]))


class Sender(Protocol):
    """Enqueues, in one call each."""

    async def one(self, payload: bytes) -> None: ...

    async def batch(self, payloads: Sequence[bytes]) -> None: ...

    async def copy(self, payloads: Sequence[bytes]) -> None: ...


class LibrarySender:
    """By the interface of the library."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def one(self, payload: bytes) -> None:
        await self._queries.enqueue("noop", payload)

    async def batch(self, payloads: Sequence[bytes]) -> None:
        await self._queries.enqueue(["noop"] * len(payloads), list(payloads))

    async def copy(self, payloads: Sequence[bytes]) -> None:
        await self._queries.enqueue_many(NewJob("noop", payload) for payload in payloads)


class PlainSender:
    """By a statement."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._one, self._many = statement("enqueue"), statement("enqueue_many")

    async def one(self, payload: bytes) -> None:
        await self._pool.fetchval(self._one, "noop", payload)

    async def batch(self, payloads: Sequence[bytes]) -> None:
        await self._pool.fetch(self._many, "noop", payloads)

    async def copy(self, payloads: Sequence[bytes]) -> None:
        rows = [("noop", payload) for payload in payloads]
        columns = ["entrypoint", "payload"]
        await self._pool.copy_records_to_table("plain_job", records=rows, columns=columns)


@asynccontextmanager
async def sender(options: ProducerOptions, connections: int) -> AsyncIterator[Sender]:
    """Over a pool of so many connections, all of them open, if the driver has one."""
    if options.contestant == LIBRARY:
        settings = ConnectionSettings(pool_min_size=connections, pool_max_size=connections)
        async with connect(options.driver, settings) as driver:
            yield LibrarySender(Queries(driver))
        return
    async with asyncpg.create_pool(
        os.environ["PGDSN"],
        min_size=connections,
        max_size=connections,
        server_settings={"search_path": os.environ["PGQUEUER_SCHEMA"]},
    ) as pool:
        yield PlainSender(pool)


async def main() -> dict[str, Any]:
    """Send all, and return when and how long."""
    options = ProducerOptions.read()
    paced = options.how == "paced"
    connections = PACED_CONNECTIONS if paced else options.at_once
    async with sender(options, connections) as to:
        # Each connection prepares its statements once.
        await asyncio.gather(*(_send(to, options.how, [b"0"]) for _ in range(connections)))
        start, cpu, calls = time.monotonic_ns(), time.process_time(), list[float]()
        if paced:
            calls = await at_pace(to, options)
        else:
            await at_once(to, options)
        return {
            "warm_up": connections,
            "sent": len(calls) or options.jobs,
            "calls": calls,
            "start": start,
            "seconds": (time.monotonic_ns() - start) / 1e9,
            "cpu": time.process_time() - cpu,
        }


async def at_once(to: Sender, options: ProducerOptions) -> None:
    """As fast as so many tasks can, each of which waits for its call."""
    size = 1 if options.how == "one" else BATCH if options.how == "batch" else options.jobs
    payloads = [b"%d" % number for number in range(options.jobs)]
    parts = iter([payloads[first : first + size] for first in range(0, options.jobs, size)])

    async def task() -> None:
        for part in parts:
            await _send(to, options.how, part)

    await asyncio.gather(*(task() for _ in range(options.at_once)))


async def at_pace(to: Sender, options: ProducerOptions) -> list[float]:
    """A job when its time has come, whether or not the calls before it have returned.

    Returns the milliseconds that each call took.
    """
    calls: list[float] = []
    count, start = round(options.rate * options.seconds), time.monotonic()

    async def send() -> None:
        begun = time.monotonic_ns()
        await to.one(b"%d" % begun)
        calls.append((time.monotonic_ns() - begun) / 1e6)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(start + number / options.rate - time.monotonic(), 0))
            group.create_task(send())
    return calls


async def _send(to: Sender, how: str, payloads: Sequence[bytes]) -> None:
    if how == "batch":
        await to.batch(payloads)
    elif how == "copy":
        await to.copy(payloads)
    else:
        await to.one(payloads[0])


if __name__ == "__main__":
    print(json.dumps(asyncio_run(main())))
