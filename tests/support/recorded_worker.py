"""A worker for `pgq run` whose handlers record each run, for the verifier to judge.

Run it as `pgq run tests.support.recorded_worker:main` from the root of the repository. Environment:

- `WORKER_DRIVER`: one of `DRIVERS`
- `WORKER_ENTRYPOINTS`: JSON, for each entrypoint what to register it with; by default one, `work`
- `WORKER_RECORDING`: `no` for handlers that do and record nothing
- `WORKER_RECORDS`: the DSN for the records, should it not be that of the queue

The payload of a job is JSON that says what its run does; nothing at all when it is empty. A list
has a plan for each attempt, the last one for all that follow. In order: `block` the event loop for
so many seconds, `sleep` so many seconds (stopping when canceled), `die` by that signal, or by
`os._exit` with that code if it is negative, have an `effect` over asyncpg or psycopg (add a row to
`effects` and complete the job in one transaction), `retry` so many times, `fail` with that text.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

import pgqueuer
from pgqueuer import AsyncpgDriver, Job, PgQueuer, PsycopgDriver
from pgqueuer.adapters.connections import connect_asyncpg, connect_psycopg
from pgqueuer.db import Driver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Context

DRIVERS = ("asyncpg", "asyncpg-connection", "psycopg")
"""A pool, which `pgqueuer.connect()` makes; one connection of asyncpg; one of psycopg."""

BEGIN = """
INSERT INTO runs (id, job_id, attempt, owner, pid, started) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO NOTHING
"""
END = "UPDATE runs SET ended = $2, outcome = $3 WHERE id = $1"
ENTER = "INSERT INTO workers (owner, pid, entered) VALUES ($1, $2, $3)"
PAUSE = 0.1


class Recorder:
    """Writes over a connection of its own, again and again until it is written.

    Times are those of the machine, taken when the thing happens, so that a record which waits for
    a server is no less true.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()
        self._late: set[asyncio.Task[None]] = set()

    async def write(self, statement: str, *args: object) -> None:
        """Write even if the caller is canceled meanwhile, which is raised then."""
        task = asyncio.create_task(self._write(statement, args))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await asyncio.shield(task)

    async def _write(self, statement: str, args: tuple[object, ...]) -> None:
        while True:
            try:
                async with self._lock:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(self._dsn, timeout=5)
                    await self._connection.execute(statement, *args, timeout=10)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logging.getLogger(__name__).info("A record has to wait: %s", error)
                await asyncio.sleep(PAUSE)
            else:
                return

    async def close(self) -> None:
        """Write what is left."""
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()


def open_driver() -> AbstractAsyncContextManager[Driver]:
    """The driver that the environment asks for, over connections of its own."""
    kind = os.environ.get("WORKER_DRIVER", "asyncpg")
    return {
        "asyncpg": pgqueuer.connect,
        "asyncpg-connection": _over_one_asyncpg_connection,
        "psycopg": _over_one_psycopg_connection,
    }[kind]()


@asynccontextmanager
async def _over_one_asyncpg_connection() -> AsyncIterator[Driver]:
    async with connect_asyncpg() as connection, AsyncpgDriver(connection) as driver:
        yield driver


@asynccontextmanager
async def _over_one_psycopg_connection() -> AsyncIterator[Driver]:
    async with connect_psycopg() as connection, PsycopgDriver(connection) as driver:
        yield driver


@asynccontextmanager
async def main(args: list[str] | None = None) -> AsyncIterator[PgQueuer]:
    """A manager with the entrypoints that the environment names."""
    dsn = os.environ.get("WORKER_RECORDS") or os.environ["PGDSN"]
    recorder = Recorder(dsn)
    async with open_driver() as driver:
        pgq = PgQueuer(driver)
        await recorder.write(ENTER, pgq.qm.queue_manager_id, os.getpid(), time.time())
        declared = json.loads(os.environ.get("WORKER_ENTRYPOINTS", '{"work": {}}'))
        recording = os.environ.get("WORKER_RECORDING") != "no"
        for name, options in declared.items():
            handler = recorded(recorder, play) if recording else nothing
            pgq.entrypoint(name, **options)(typed if name == "typed" else handler)
        try:
            yield pgq
        finally:
            await recorder.close()


def recorded(
    recorder: Recorder, body: Callable[[Job, Context], Awaitable[None]]
) -> Callable[[Job, Context], Awaitable[None]]:
    """`body` as a handler that leaves a row for each run; begun before anything else happens."""

    async def handle(job: Job, context: Context) -> None:
        run, outcome = uuid.uuid4(), "returned"
        owner, started = job.queue_manager_id, time.time()
        await recorder.write(BEGIN, run, job.id, job.attempts, owner, os.getpid(), started)
        try:
            await body(job, context)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            if context.canceled:
                outcome = "canceled"
            await recorder.write(END, run, time.time(), outcome)

    return handle


async def nothing(job: Job) -> None:
    """Ends at once."""


@dataclass
class Wanted:
    """What the entrypoint `typed` takes."""

    text: str


async def typed(wanted: Wanted) -> None:
    """Ends at once, and is not recorded."""


async def play(job: Job, context: Context) -> None:
    """Do what the payload says."""
    plans = json.loads(job.payload or b"{}")
    plan: dict[str, Any] = (
        plans[min(job.attempts, len(plans) - 1)] if isinstance(plans, list) else plans
    )
    if "block" in plan:
        time.sleep(plan["block"])  # noqa: ASYNC251 - that is the fault
    if "sleep" in plan:
        with context.cancellation:
            await asyncio.sleep(plan["sleep"])
    if "die" in plan:
        _die(plan["die"])
    if "effect" in plan:
        await EFFECTS[plan["effect"]](job, context)
    if job.attempts < plan.get("retry", 0):
        raise RetryRequested(timedelta(0))
    if "fail" in plan:
        raise ValueError(plan["fail"])


async def _pause() -> None:
    """Long enough for a kill to come now."""
    await asyncio.sleep(random.uniform(0, 0.02))


async def _effect_over_asyncpg(job: Job, context: Context) -> None:
    async with connect_asyncpg() as connection:
        async with connection.transaction():
            await connection.execute("INSERT INTO effects VALUES ($1)", job.id)
            await _pause()
            await context.complete_in_transaction(connection)
            await _pause()
        await _pause()


async def _effect_over_psycopg(job: Job, context: Context) -> None:
    async with connect_psycopg() as connection:
        async with connection.transaction():
            await connection.execute("INSERT INTO effects VALUES (%s)", [job.id])
            await _pause()
            await context.complete_in_transaction(connection)
            await _pause()
        await _pause()


EFFECTS = {"asyncpg": _effect_over_asyncpg, "psycopg": _effect_over_psycopg}


def _die(how: int) -> None:
    if how < 0:
        os._exit(-how)
    os.kill(os.getpid(), how)
