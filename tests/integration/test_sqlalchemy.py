"""Jobs that share the transactions of SQLAlchemy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import StaticPool

from pgqueuer import Job, PgQueuer
from pgqueuer.adapters.sqlalchemy import SqlAlchemyDriver, SyncSqlAlchemyDriver
from pgqueuer.errors import DuplicateJobError
from pgqueuer.queries import NewJob, Queries, SyncQueries
from tests.support.kernel import listening, until, working
from tests.support.open_queries import open_queries


def url(dsn: str, dialect: str) -> str:
    return dsn.replace("postgresql://", f"postgresql+{dialect}://", 1)


@pytest.fixture
async def observer(queue_dsn: str) -> AsyncIterator[Queries]:
    """Sees what is committed."""
    async with open_queries(queue_dsn) as queries:
        yield queries


async def committed(observer: Queries) -> list[str]:
    return [row.entrypoint for row in await observer.queue_size()]


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(request: pytest.FixtureRequest, queue_dsn: str) -> Iterator[Engine]:
    engine = create_engine(url(queue_dsn, request.param))
    yield engine
    engine.dispose()


@pytest.fixture(params=[Session, scoped_session, Connection])
def source(
    request: pytest.FixtureRequest, engine: Engine
) -> Iterator[Session | Connection | scoped_session]:
    if request.param is scoped_session:
        registry = scoped_session(sessionmaker(engine))
        yield registry
        registry.remove()
        return
    with Session(engine) if request.param is Session else engine.connect() as source:
        yield source


async def test_a_commit_makes_jobs_visible(source, observer: Queries) -> None:
    jobs = SyncQueries(SyncSqlAlchemyDriver(source))
    jobs.enqueue("first", b"1")
    jobs.enqueue(["second"] * 2, [b"2", b"3"])
    assert len(jobs.queue_size()) == 2
    assert await committed(observer) == []
    source.commit()
    assert await committed(observer) == ["first", "second"]


async def test_a_rollback_takes_every_call_back(source, observer: Queries) -> None:
    jobs = SyncQueries(SyncSqlAlchemyDriver(source))
    [old] = jobs.enqueue("old", None)
    source.commit()
    jobs.enqueue("work", None)
    jobs.mark_job_as_cancelled([old])
    assert [row.status for row in jobs.job_status([old])] == ["canceled"]
    source.rollback()
    assert await committed(observer) == ["old"]
    jobs.mark_job_as_cancelled([old])
    source.commit()
    assert await committed(observer) == []


async def test_a_savepoint_takes_its_jobs_back(source, observer: Queries) -> None:
    jobs = SyncQueries(SyncSqlAlchemyDriver(source))
    jobs.enqueue("kept", None)
    nested = source.begin_nested()
    jobs.enqueue("undone", None)
    nested.rollback()
    source.commit()
    assert await committed(observer) == ["kept"]


async def test_jobs_and_rows_are_written_together(source, observer: Queries) -> None:
    jobs = SyncQueries(SyncSqlAlchemyDriver(source))
    source.execute(text("CREATE TABLE orders (id int)"))
    jobs.enqueue("ship", None)
    source.rollback()
    assert source.execute(text("SELECT to_regclass('orders')")).scalar() is None
    assert await committed(observer) == []


async def test_jobs_parked_as_failed_are_listed_and_requeued(source, observer: Queries) -> None:
    jobs = SyncQueries(SyncSqlAlchemyDriver(source))
    [job_id] = jobs.enqueue("work", b"\x00%", headers={"a": 1}, dedupe_key="k")
    source.execute(text("UPDATE pgqueuer SET status = 'failed'"))
    [job] = jobs.list_failed_jobs()
    assert (job.id, job.payload, job.headers) == (job_id, b"\x00%", {"a": 1})
    assert jobs.requeue_failed([job_id]) == 1
    with pytest.raises(DuplicateJobError) as caught:
        jobs.enqueue("work", None, dedupe_key="k")
    assert caught.value.dedupe_key == ["k"]
    source.commit()
    assert await committed(observer) == ["work"]


async def test_autocommit_commits_each_call(engine: Engine, observer: Queries) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        SyncQueries(SyncSqlAlchemyDriver(connection)).enqueue("work", None)
        assert await committed(observer) == ["work"]


def test_another_database_is_refused() -> None:
    with (
        create_engine("sqlite://").connect() as connection,
        pytest.raises(TypeError, match="'sqlite3'; use one of psycopg or psycopg2"),
    ):
        SyncQueries(SyncSqlAlchemyDriver(connection)).queue_size()


@pytest.fixture(params=["asyncpg", "psycopg"])
async def async_engine(
    request: pytest.FixtureRequest, queue_dsn: str
) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url(queue_dsn, request.param))
    yield engine
    await engine.dispose()


@pytest.fixture(params=[AsyncSession, async_scoped_session, AsyncConnection])
async def async_source(
    request: pytest.FixtureRequest, async_engine: AsyncEngine
) -> AsyncIterator[AsyncSession | AsyncConnection | async_scoped_session]:
    if request.param is async_scoped_session:
        registry = async_scoped_session(async_sessionmaker(async_engine), lambda: "request")
        yield registry
        await registry.remove()
        return
    session = request.param is AsyncSession
    async with AsyncSession(async_engine) if session else async_engine.connect() as source:
        yield source


async def test_a_commit_makes_jobs_visible_to_others(async_source, observer: Queries) -> None:
    queries = Queries(SqlAlchemyDriver(async_source))
    await queries.enqueue("first", b"1")
    await asyncio.gather(*(queries.enqueue("second", b"2") for _ in range(3)))
    assert [row.count for row in await queries.queue_size()] == [1, 3]
    assert await committed(observer) == []
    await async_source.commit()
    assert await committed(observer) == ["first", "second"]


async def test_a_rollback_takes_every_asynchronous_call_back(
    async_source, observer: Queries
) -> None:
    queries = Queries(SqlAlchemyDriver(async_source))
    [old] = await queries.enqueue("old", None, headers={"a": 1})
    await async_source.commit()
    await queries.enqueue("work", None)
    await queries.enqueue_many([NewJob("stream")])
    await queries.mark_job_as_cancelled([old])
    assert [row.status for row in await queries.job_status([old])] == ["canceled"]
    await async_source.rollback()
    assert await committed(observer) == ["old"]
    job = await queries.queue_job_by_id(old)
    assert job is not None
    assert job.headers == {"a": 1}


async def test_jobs_and_rows_are_written_together_asynchronously(
    async_source, observer: Queries
) -> None:
    queries = Queries(SqlAlchemyDriver(async_source))
    nested = await async_source.begin_nested()
    await async_source.execute(text("CREATE TABLE orders (id int)"))
    await queries.enqueue("undone", None)
    await nested.rollback()
    found = await async_source.execute(text("SELECT to_regclass('orders')"))
    assert found.scalar() is None
    await queries.enqueue("ship", None)
    await async_source.commit()
    assert await committed(observer) == ["ship"]


async def test_autocommit_commits_each_asynchronous_call(
    async_engine: AsyncEngine, observer: Queries
) -> None:
    async with async_engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await Queries(SqlAlchemyDriver(connection)).enqueue("work", None)
        assert await committed(observer) == ["work"]


async def test_a_commit_wakes_a_worker(async_source, observer: Queries) -> None:
    pgq = PgQueuer(observer.driver)
    done: list[bytes | None] = []

    @pgq.entrypoint("work")
    async def work(job: Job) -> None:
        done.append(job.payload)

    async with working(pgq):
        await listening(pgq.qm)
        await Queries(SqlAlchemyDriver(async_source)).enqueue("work", b"1")
        await async_source.commit()
        await until(lambda: done == [b"1"])


async def test_listening_is_refused_and_leaves_the_session_alone(
    async_engine: AsyncEngine,
) -> None:
    async with AsyncSession(async_engine) as session, SqlAlchemyDriver(session) as driver:
        with pytest.raises(RuntimeError, match=r"pgqueuer\.connect"):
            await driver.add_listener("channel", print)
        await driver.notify("channel", "payload")


async def test_a_connection_that_was_replaced_gets_a_driver_of_its_own(
    async_engine: AsyncEngine, observer: Queries
) -> None:
    async with AsyncSession(async_engine) as session:
        queries = Queries(SqlAlchemyDriver(session))
        await queries.enqueue("lost", None)
        await (await session.connection()).invalidate()
        await session.rollback()
        await queries.enqueue("work", None)
        await session.commit()
    assert await committed(observer) == ["work"]


def test_a_connection_that_the_pool_gives_out_again_keeps_its_driver(queue_dsn: str) -> None:
    engine = create_engine(url(queue_dsn, "psycopg"), poolclass=StaticPool)
    drivers = []
    for _ in range(2):
        with Session(engine) as session:
            driver = SyncSqlAlchemyDriver(session)
            driver.fetch("SELECT 1")
            drivers.append(session.connection().info["pgqueuer.driver"])
    assert drivers[0] is drivers[1]
    engine.dispose()
