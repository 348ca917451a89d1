"""Each call that a worker makes of its driver fails once, in each way, on PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import psycopg
import pytest

from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver
from pgqueuer.errors import UnwrittenOutcomesError
from pgqueuer.queries import Queries
from tests.faults.lives import Life, run
from tests.support.faults import (
    DISCONNECT,
    DRIVER_CALLS,
    LOST_ANSWER,
    PASSING,
    CanceledAt,
    Fault,
    Faults,
    ServerRefused,
)

THOROUGH = bool(float(os.environ.get("PGQUEUER_TEST_SOAK_MINUTES", "0")))
CALLS = 36
"""More calls than most of the workers make; those that they never come to are left out."""

AWAITS = 90
AT_ONCE = 12


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of tracebacks take longer than the workers."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@dataclass
class Server:
    """Where the lives happen, each with connections and entrypoints of its own."""

    dsn: str
    own: Queries
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def driver(
        self, kind: str, name: str
    ) -> AsyncIterator[AsyncpgDriver | AsyncpgPoolDriver | PsycopgDriver]:
        settings = {"application_name": name}
        if kind == "asyncpg":
            connection = await asyncpg.connect(self.dsn, server_settings=settings)
            yield AsyncpgDriver(connection)
            connection.terminate()
        elif kind == "pool":
            pool = await asyncpg.create_pool(
                self.dsn, min_size=1, max_size=3, server_settings=settings
            )
            yield AsyncpgPoolDriver(pool)
            pool.terminate()
        else:
            other = await psycopg.AsyncConnection.connect(
                self.dsn, autocommit=True, application_name=name
            )
            yield PsycopgDriver(other)
            await other.close()

    async def cut(self, name: str) -> None:
        """End every connection of this life."""
        await self.own.driver.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            name,
        )


@pytest.fixture
async def server(queue_dsn: str) -> AsyncIterator[Server]:
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
        yield Server(queue_dsn, Queries(AsyncpgPoolDriver(pool)))


async def live(
    server: Server, kind: str, at: int, fault: Fault, stop_after: int | None
) -> tuple[bool, list[str]]:
    """One worker with a fault, then a sound one for what is left; whether it was hit, and what
    is wrong."""
    async with server.turn:
        name = f"{fault.name}-{next(server.numbers)}"
        life = Life(name, stop_after)
        await life.enqueue(server.own)
        faults = Faults(at, fault, disconnect=lambda: server.cut(name))
        async with server.driver(kind, name) as driver:
            faults.within(driver, DRIVER_CALLS)
            found = await work(server, life, Queries(driver))
        await life.finish(server.own)
        found += await life.problems(server.own)
        if not fault.disconnects:
            found += life.more_runs_than_needed()
        what = f"{kind} {name} at {at} {faults.hit} stop={stop_after}: "
        return bool(faults.hit), [what + problem for problem in found]


async def work(server: Server, life: Life, queries: Queries) -> list[str]:
    try:
        async with asyncio.timeout(30):
            await run(life.worker(queries), drain=life.stop_after is None)
    except UnwrittenOutcomesError:
        return []
    except (OSError, ServerRefused, asyncpg.PostgresError, asyncpg.InterfaceError, psycopg.Error):
        # Only a connection that is lost for good, and what a worker needs to begin, end it so.
        return (
            [] if queries.driver.closed or not life.started else ["it was ended by a passing fault"]
        )
    found = await life.picked(server.own)
    if life.stop_after is None and not await life.finished(server.own):
        found.append("the drain ended before its jobs")
    return found


def calls(step: int, first: int = 0) -> range:
    return range(CALLS) if THOROUGH else range(first, CALLS, step)


@pytest.mark.parametrize("kind", ["asyncpg", "pool", "psycopg"])
async def test_a_fault_at_any_call_loses_nothing(server: Server, kind: str) -> None:
    cases = [(at, LOST_ANSWER, None) for at in calls(4)]
    cases += [(at, DISCONNECT, None) for at in calls(8)]
    cases += [(at, DISCONNECT, 1) for at in calls(8, 1)]
    for number, fault in enumerate(PASSING):
        cases += [(at, fault, stop) for stop in (None, 7) for at in calls(18, number)]
    ended = await asyncio.gather(*(live(server, kind, *case) for case in cases))

    assert sum(hit for hit, _ in ended) > len(cases) / 3
    assert [problem for _, problems in ended for problem in problems] == []


async def canceled(server: Server, kind: str, at: int, stop_after: int | None) -> list[str]:
    async with server.turn:
        name = f"canceled-{next(server.numbers)}"
        life = Life(name, stop_after)
        await life.enqueue(server.own)
        async with server.driver(kind, name) as driver:
            manager = life.worker(Queries(driver))
            stepwise = CanceledAt(run(manager, drain=stop_after is None), at)

            async def main() -> None:
                await stepwise

            hit = False
            try:
                async with asyncio.timeout(30):
                    await asyncio.create_task(main())
            except (asyncio.CancelledError, UnwrittenOutcomesError):
                hit = True
            found = await life.picked(server.own)
        if stepwise.waits > at and not hit:
            found.append("the cancellation was swallowed")
        await life.finish(server.own)
        found += await life.problems(server.own)
        return [f"{kind} canceled at {at} stop={stop_after}: {problem}" for problem in found]


@pytest.mark.parametrize("kind", ["asyncpg", "pool", "psycopg"])
async def test_a_cancellation_at_any_await_leaves_no_job_behind(server: Server, kind: str) -> None:
    waits = range(AWAITS) if THOROUGH else range(0, AWAITS, 5)
    cases = [(at, (None, 1, 7)[at % 3]) for at in waits]
    ended = await asyncio.gather(*(canceled(server, kind, *case) for case in cases))

    assert [problem for problems in ended for problem in problems] == []
