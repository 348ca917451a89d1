from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, Job, PgQueuer, PsycopgDriver, Queries
from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver
from pgqueuer.errors import LeaseLostError
from pgqueuer.models import Context
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import seconds, until, working

DRAIN = QueueExecutionMode.drain
Transaction = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens a connection and a transaction on it."""


class Transactions:
    """A transaction on each kind of connection that a handler may have."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    @asynccontextmanager
    async def asyncpg(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            async with connection.transaction():
                yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[Any]:
        async with (
            asyncpg.create_pool(self.dsn, min_size=0) as pool,
            pool.acquire() as connection,
            connection.transaction(),
        ):
            yield connection

    @asynccontextmanager
    async def asyncpg_driver(self) -> AsyncIterator[Any]:
        async with self.asyncpg() as connection:
            yield AsyncpgDriver(connection)

    @asynccontextmanager
    async def psycopg(self) -> AsyncIterator[Any]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            yield connection

    @asynccontextmanager
    async def psycopg_driver(self) -> AsyncIterator[Any]:
        connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
        async with connection, connection.transaction():
            yield PsycopgDriver(connection)

    @asynccontextmanager
    async def sqlalchemy(self) -> AsyncIterator[Any]:
        engine = create_async_engine(self.dsn.replace("postgresql:", "postgresql+psycopg:"))
        try:
            async with AsyncSession(engine) as session, session.begin():
                yield session
        finally:
            await engine.dispose()


KINDS = ["asyncpg", "pool", "asyncpg_driver", "psycopg", "psycopg_driver", "sqlalchemy"]


@pytest.fixture
def transactions(queue_dsn: str) -> Transactions:
    return Transactions(queue_dsn)


async def logged(queries: Queries) -> list[str]:
    return [row.status for row in sorted(await queries.queue_log(), key=lambda row: row.created)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_ends_with_the_transaction_of_its_handler(
    connect, queries, transactions, kind, caplog
):
    pgq = PgQueuer((await connect()).driver)
    transaction: Transaction = getattr(transactions, kind)

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        async with transaction() as connection:
            await context.complete_in_transaction(connection)
            assert await queries.queue_size() != []
        assert await queries.queue_size() == []

    await queries.enqueue("job", None)
    with caplog.at_level(logging.WARNING):
        await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "successful"]
    assert not caplog.messages
    assert pgq.qm.jobs_logged == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_transaction_that_is_rolled_back_completes_nothing(
    connect, queries, transactions, kind
):
    pgq = PgQueuer((await connect()).driver)
    transaction: Transaction = getattr(transactions, kind)

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        async with transaction() as connection:
            await context.complete_in_transaction(connection)
            raise ValueError("no")

    await queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "exception"]


async def test_a_handler_that_returns_after_a_rollback_succeeds_as_usual(
    connect, queries, transactions
):
    pgq = PgQueuer((await connect()).driver)

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        try:
            async with transactions.asyncpg() as connection:
                await context.complete_in_transaction(connection)
                raise ValueError("no")
        except ValueError:
            return

    await queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "successful"]


async def test_a_savepoint_that_is_rolled_back_completes_nothing(connect, queries, transactions):
    pgq = PgQueuer((await connect()).driver)

    @pgq.entrypoint("job", on_failure="hold")
    async def job(job: Job, context: Context) -> None:
        async with transactions.asyncpg() as connection:
            savepoint = connection.transaction()
            await savepoint.start()
            await context.complete_in_transaction(connection)
            await savepoint.rollback()
            await connection.execute("CREATE TABLE committed ()")
        raise ValueError("no")

    await queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "failed"]


async def test_what_a_handler_raises_after_the_commit_changes_nothing(
    connect, queries, transactions, caplog
):
    pgq = PgQueuer((await connect()).driver)

    @pgq.entrypoint("job", on_failure="hold")
    async def job(job: Job, context: Context) -> None:
        async with transactions.psycopg() as connection:
            await context.complete_in_transaction(connection)
        raise ConnectionResetError("the answer to COMMIT was lost")

    await queries.enqueue("job", None)
    with caplog.at_level(logging.WARNING):
        await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "successful"]
    assert "after the job was completed" in caplog.text


async def test_a_job_that_was_taken_over_can_not_be_completed(connect, queries, transactions):
    pgq = PgQueuer((await connect()).driver)
    refused: list[Exception] = []

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        await queries.driver.execute("UPDATE pgqueuer SET queue_manager_id = gen_random_uuid()")
        try:
            async with transactions.asyncpg() as connection:
                await connection.execute("CREATE TABLE effect ()")
                await context.complete_in_transaction(connection)
        except LeaseLostError as error:
            refused.append(error)
            raise

    (job_id,) = await queries.enqueue("job", None)
    async with working(pgq):
        await until(lambda: bool(refused))
    assert str(refused[0]).startswith(f"Job {job_id} is not this worker's any more")
    assert await logged(queries) == ["queued", "picked"]
    (row,) = await queries.driver.fetch("SELECT to_regclass('effect')::text AS effect")
    assert row["effect"] is None


@pytest.mark.parametrize("kind", ["asyncpg", "psycopg"])
async def test_outside_of_a_transaction_nothing_is_completed(queue_dsn, connect, queries, kind):
    pgq = PgQueuer((await connect()).driver)

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        if kind == "asyncpg":
            connection = await asyncpg.connect(queue_dsn)
        else:
            connection = await psycopg.AsyncConnection.connect(queue_dsn, autocommit=True)
        try:
            with pytest.raises(RuntimeError, match="no transaction"):
                await context.complete_in_transaction(connection)
        finally:
            await connection.close()
        raise KeyError

    await queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "exception"]


async def test_a_pool_is_no_transaction(queue_dsn, queries):
    (job,) = [await queries.queue_job_by_id(i) for i in await queries.enqueue("job", None)]
    async with asyncpg.create_pool(queue_dsn, min_size=0) as pool:
        with pytest.raises(RuntimeError, match="no transaction"):
            await queries.complete_in_transaction(job, AsyncpgPoolDriver(pool))
        with pytest.raises(TypeError, match="pool"):
            await queries.complete_in_transaction(job, pool)


async def test_a_context_of_no_worker_can_not_complete(transactions):
    with pytest.raises(RuntimeError, match="must come from a worker"):
        await Context().complete_in_transaction(object())


async def test_an_open_transaction_delays_no_lease_and_is_no_takeover(
    connect, queries, transactions
):
    """The row of a job that is being completed is locked for longer than a lease."""
    pgq = PgQueuer((await connect()).driver)
    other = PgQueuer((await connect()).driver)
    completed, commit, runs = asyncio.Event(), asyncio.Event(), []

    @pgq.entrypoint("long")
    async def long(job: Job, context: Context) -> None:
        async with transactions.asyncpg() as connection:
            await context.complete_in_transaction(connection)
            completed.set()
            await commit.wait()

    @pgq.entrypoint("beside")
    async def beside(job: Job) -> None:
        await commit.wait()

    @other.entrypoint("long")
    @other.entrypoint("beside")
    async def again(job: Job) -> None:
        runs.append(job.id)

    (locked, kept) = await queries.enqueue(["long", "beside"], [None] * 2)

    async def beats() -> bool:
        (row,) = await queries.driver.fetch(
            "SELECT (SELECT heartbeat FROM pgqueuer WHERE id = $1::bigint) < now() - interval '1 s'"
            " AND (SELECT heartbeat > updated + interval '1 s' FROM pgqueuer WHERE id = $2::bigint)"
            " AS both",
            locked,
            kept,
        )
        return bool(row["both"])

    async with working(pgq, heartbeat_timeout=seconds(0.4)):
        await until(completed.is_set)
        async with working(other, heartbeat_timeout=seconds(0.4)):
            await until(beats)
            commit.set()
            await until(lambda: not pgq.qm.job_context)
    assert runs == []
    ends = [row.status for row in await queries.queue_log() if row.status == "successful"]
    assert len(ends) == 2


async def test_a_handler_that_goes_on_after_the_commit_is_not_stopped(
    connect, queries, transactions
):
    pgq = PgQueuer((await connect()).driver)
    beaten = asyncio.Event()
    canceled: list[bool] = []
    keep = pgq.qm.queries.keep_leases

    async def keep_leases(*args: Any) -> list[Any]:
        lost = await keep(*args)
        if lost:
            beaten.set()
        return lost

    pgq.qm.queries.keep_leases = keep_leases

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        async with transactions.asyncpg() as connection:
            await context.complete_in_transaction(connection)
        await beaten.wait()
        await asyncio.sleep(0)
        canceled.append(context.canceled)

    await queries.enqueue("job", None)
    async with working(pgq, heartbeat_timeout=seconds(0.4)):
        await until(lambda: bool(canceled))
    assert canceled == [False]


async def test_an_outcome_waits_for_a_transaction_that_the_handler_left_open(
    connect, queries, transactions, caplog
):
    pgq = PgQueuer((await connect()).driver)
    left: list[Any] = []

    @pgq.entrypoint("job")
    async def job(job: Job, context: Context) -> None:
        opened = transactions.asyncpg()
        await context.complete_in_transaction(await opened.__aenter__())
        left.append(opened)

    @pgq.entrypoint("beside")
    async def beside(job: Job) -> None: ...

    (job_id,) = await queries.enqueue("job", None)
    with caplog.at_level(logging.WARNING):
        async with working(pgq):
            await until(lambda: "but not the transaction" in caplog.text)
            await queries.enqueue("beside", None)

            async def ended() -> bool:
                return "successful" in await logged(queries)

            await until(ended)
            assert job_id in pgq.qm.job_context
            await left[0].__aexit__(None, None, None)
            await until(lambda: job_id not in pgq.qm.job_context)
    assert (await logged(queries)).count("successful") == 2
    assert "dropped" not in caplog.text


async def test_a_handler_in_a_thread_completes_over_a_connection_that_blocks(
    queue_dsn, connect, queries
):
    pgq = PgQueuer((await connect()).driver)

    @pgq.entrypoint("job", executor="thread")
    def job(job: Job, context: Context) -> None:
        with psycopg.connect(queue_dsn) as connection:
            connection.execute("CREATE TABLE effect ()")
            context.complete_in_transaction_sync(connection)

    @pgq.entrypoint("driver", executor="thread")
    def driver(job: Job, context: Context) -> None:
        with psycopg.connect(queue_dsn, autocommit=True) as connection, connection.transaction():
            context.complete_in_transaction_sync(SyncPsycopgDriver(connection))

    await queries.enqueue(["job", "driver"], [None] * 2)
    await pgq.run(mode=DRAIN)
    assert (await logged(queries)).count("successful") == 2


async def test_in_memory_a_job_is_completed_at_once():
    pgq = PgQueuer.in_memory()

    @pgq.entrypoint("job", on_failure="hold")
    async def job(job: Job, context: Context) -> None:
        await context.complete_in_transaction(None)
        with pytest.raises(LeaseLostError):
            await context.complete_in_transaction(None)
        raise ValueError("too late")

    queries = pgq.qm.queries
    await queries.enqueue("job", None)
    await pgq.run(mode=DRAIN)
    assert await logged(queries) == ["queued", "picked", "successful"]


async def test_a_transaction_that_the_server_does_not_know_completed_nothing(queries):
    """As after a crash, which may forget transactions that never wrote to disk."""
    (job,) = [await queries.queue_job_by_id(i) for i in await queries.enqueue("job", None)]
    assert await queries.completion_state(job, str(2**40)) == "undone"
