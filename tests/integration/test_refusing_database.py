"""Producers whose database refuses get an error or wait; no job is lost, and none comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import asyncpg
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import pgqueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver, SyncPsycopgDriver
from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.queries import NewJob, Queries, SyncQueries
from tests.support.cli import pgq
from tests.support.kernel import until
from tests.support.postgres import to_uri

Produce = Callable[[], Awaitable[object]]

READ_ONLY, DISK_FULL, LOCK_TIMEOUT = "25006", "53100", "55P03"
PRODUCERS = ("asyncpg", "pool", "psycopg", "sync", "copy")


@pytest.fixture
def admin(queue_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        yield connection


def queued(admin: psycopg.Connection) -> int:
    (count,) = admin.execute("SELECT count(*) FROM pgqueuer").fetchone()
    return count


@pytest.fixture
async def connect(queue_dsn: str) -> AsyncIterator[Callable[[str], Awaitable[Produce]]]:
    """Makes a function that enqueues one job over a connection of its own."""
    async with AsyncExitStack() as stack:

        async def make(kind: str) -> Produce:
            if kind == "sync":
                connection = stack.enter_context(psycopg.connect(queue_dsn, autocommit=True))
                sync = SyncQueries(SyncPsycopgDriver(connection))
                return lambda: asyncio.to_thread(sync.enqueue, "job", None)
            queries = Queries(await driver(kind))
            if kind == "copy":
                return lambda: queries.enqueue_many([NewJob("job")])
            return lambda: queries.enqueue("job", None)

        async def driver(kind: str) -> AsyncpgDriver | AsyncpgPoolDriver | PsycopgDriver:
            if kind == "pool":
                pool = await stack.enter_async_context(asyncpg.create_pool(queue_dsn, min_size=1))
                return AsyncpgPoolDriver(pool)
            if kind == "psycopg":
                connection = await psycopg.AsyncConnection.connect(queue_dsn, autocommit=True)
                stack.push_async_callback(connection.close)
                return PsycopgDriver(connection)
            connection = await asyncpg.connect(queue_dsn)
            stack.push_async_callback(connection.close)
            return AsyncpgDriver(connection)

        yield make


def sqlstate(refused: pytest.ExceptionInfo[Exception]) -> object:
    return getattr(refused.value, "sqlstate", None)


def database(admin: psycopg.Connection) -> psycopg.sql.Identifier:
    return psycopg.sql.Identifier(admin.info.dbname)


def setting(admin: psycopg.Connection, change: str) -> None:
    """Change what sessions from now on begin with."""
    admin.execute(psycopg.sql.SQL("ALTER DATABASE {} " + change).format(database(admin)))


@pytest.mark.parametrize("kind", PRODUCERS)
async def test_a_read_only_database_is_an_error(connect, admin, kind):
    setting(admin, "SET default_transaction_read_only = on")
    produce = await connect(kind)
    with pytest.raises(Exception, match="read-only transaction") as refused:
        await produce()
    assert sqlstate(refused) == READ_ONLY
    assert queued(admin) == 0
    setting(admin, "RESET default_transaction_read_only")
    await (await connect(kind))()
    assert queued(admin) == 1


@pytest.mark.parametrize("kind", PRODUCERS)
async def test_a_full_disk_is_an_error_and_the_connection_serves_on(connect, admin, kind):
    admin.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON pgqueuer EXECUTE FUNCTION refuse()"
    )
    produce = await connect(kind)
    with pytest.raises(Exception, match="No space left") as refused:
        await produce()
    assert sqlstate(refused) == DISK_FULL
    admin.execute("DROP TRIGGER refuse ON pgqueuer")
    await produce()
    assert queued(admin) == 1


@pytest.mark.parametrize("kind", PRODUCERS)
async def test_a_lock_that_is_not_had_in_time_is_an_error(connect, admin, kind, queue_dsn):
    setting(admin, "SET lock_timeout = '50ms'")
    produce = await connect(kind)
    with psycopg.connect(queue_dsn) as holder:
        holder.execute("LOCK TABLE pgqueuer")
        with pytest.raises(Exception, match="lock timeout") as refused:
            await produce()
    assert sqlstate(refused) == LOCK_TIMEOUT
    await produce()
    assert queued(admin) == 1


@pytest.mark.parametrize("kind", PRODUCERS)
async def test_without_a_lock_timeout_a_producer_waits(connect, admin, kind, queue_dsn):
    produce = await connect(kind)
    with psycopg.connect(queue_dsn) as holder:
        holder.execute("LOCK TABLE pgqueuer")
        waiting = asyncio.ensure_future(produce())
        locks = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'pgqueuer'::regclass"
        await until(lambda: admin.execute(locks).rowcount > 0)
        assert not waiting.done()
    await waiting
    assert queued(admin) == 1


@pytest.fixture
def full(admin: psycopg.Connection, queue_dsn: str) -> Iterator[str]:
    """The DSN of a user for whom every connection is taken."""
    role = psycopg.sql.Identifier(f"full_{admin.info.dbname}")
    admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 0").format(role))
    parts = {**conninfo_to_dict(queue_dsn), "user": role.as_string(None).strip('"')}
    yield to_uri(parts)
    admin.execute(psycopg.sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_no_free_connection_is_an_error(full: str, driver: str):
    with pytest.raises(Exception, match="too many connections"):
        async with pgqueuer.connect(driver, settings=ConnectionSettings(dsn=full)):
            raise AssertionError("connected")


def test_no_free_connection_is_one_line_for_the_command(full: str, admin: psycopg.Connection):
    ran = pgq("queue", "job", dsn=full)
    assert ran.code == 1
    assert ran.stderr.startswith("Error: Cannot connect: too many connections")
    assert queued(admin) == 0
