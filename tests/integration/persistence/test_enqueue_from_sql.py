"""Jobs from SQL alone: the function `pgqueuer_enqueue`, and a plain INSERT."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import psycopg
import pytest

from pgqueuer import Job, QueueManager
from pgqueuer.adapters.persistence.sqltext import quote_identifier
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from tests.support.open_queries import open_queries
from tests.support.postgres import TestPostgres

SETTINGS = {
    "defaults": {},
    "prefix": {"prefix": "acme_"},
    "schema and prefix": {"db_schema": "tenant", "prefix": "Acme_"},
}
CALL = "SELECT pgqueuer_enqueue(%s)"


@pytest.fixture
async def queries(queue_dsn: str) -> AsyncIterator[Queries]:
    async with open_queries(queue_dsn) as queries:
        yield queries


async def row(queries: Queries, job_id: object) -> dict[str, object]:
    """A job as it stands in the table."""
    [found] = await queries.driver.fetch(
        "SELECT *, status::text AS status, execute_after - created AS waits FROM pgqueuer "
        "WHERE id = $1::bigint",
        job_id,
    )
    return found


async def enqueued(queries: Queries, arguments: str) -> object:
    [answer] = await queries.driver.fetch(CALL % arguments)
    return answer["pgqueuer_enqueue"]


async def drained(queries: Queries, *entrypoints: str) -> list[Job]:
    """The jobs that a worker runs until nothing is left."""
    manager, ran = QueueManager(queries), []

    async def run(job: Job) -> None:
        ran.append(job)

    for name in entrypoints:
        manager.entrypoint(name)(run)
    async with asyncio.timeout(30):
        await manager.run(mode=QueueExecutionMode.drain)
    return ran


@pytest.mark.parametrize("given", SETTINGS.values(), ids=SETTINGS.keys())
async def test_a_job_of_the_function_is_run_like_any_other(dsn: str, given: dict[str, str]) -> None:
    settings = DBSettings(**given)
    function = quote_identifier(f"{settings.qualified.queue_table}_enqueue")
    async with open_queries(dsn, settings=settings) as queries:
        await queries.install()
        [answer] = await queries.driver.fetch(
            f"SELECT {function}('fetch', payload => '\\x00ff', priority => 7, headers => "
            "'{\"a\": 1}') AS id"
        )
        [job] = await drained(queries, "fetch")
        assert (job.id, job.payload, job.priority) == (answer["id"], b"\x00\xff", 7)
        assert job.headers == {"a": 1}
        history = [(each.status, each.priority) for each in await queries.queue_log()]
        assert history == [("queued", 7), ("picked", 7), ("successful", 7)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    {
        "'fetch'": {"payload": None, "priority": 0, "headers": None, "dedupe_key": None},
        "'fetch', 'cat.png', 3": {"payload": b"cat.png", "priority": 3},
        "'fetch', payload_json => '{\"id\": \"é\"}'": {"payload": '{"id": "é"}'.encode()},
        "'fetch', payload_json => 'null'": {"payload": b"null"},
        "'fetch', headers => 'null'": {"headers": None},
        "'fetch', delay => interval '1 hour'": {"waits": timedelta(hours=1)},
        "'fetch', dedupe_key => 'once', on_conflict => 'skip'": {"dedupe_key": "once"},
    }.items(),
)
async def test_arguments_are_columns(
    queries: Queries, arguments: str, expected: dict[str, object]
) -> None:
    found = await row(queries, await enqueued(queries, arguments))
    assert {name: found[name] for name in expected} == expected
    assert (found["status"], found["attempts"]) == ("queued", 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    {
        "''": "entrypoint must not be empty",
        "NULL": "entrypoint must not be empty",
        "repeat('x', 513)": "at most 512 characters, got 513",
        "'fetch', dedupe_key => repeat('é', 1001)": "at most 2000 bytes, got 2002",
        "'fetch', headers => '[1]'": "must be a JSON object or NULL, got array",
        "'fetch', '', payload_json => '1'": "payload or payload_json, not both",
        "'fetch', on_conflict => 'replace'": "must be raise or skip, got replace",
        "'fetch', on_conflict => NULL": "must be raise or skip, got NULL",
    }.items(),
)
async def test_what_the_library_refuses_is_refused(
    queries: Queries, arguments: str, message: str
) -> None:
    with pytest.raises(asyncpg.PostgresError, match=message) as refused:
        await enqueued(queries, arguments)
    assert refused.value.sqlstate == "22023"
    assert await queries.queue_log() == []


async def test_a_delay_that_never_ends_is_refused(queries: Queries, pg: TestPostgres) -> None:
    if pg.major < 17:
        pytest.skip("intervals are finite before PostgreSQL 17")
    with pytest.raises(asyncpg.PostgresError, match="delay must be finite"):
        await enqueued(queries, "'fetch', delay => interval 'infinity'")


async def test_a_taken_dedupe_key_violates_the_index_or_is_skipped(queries: Queries) -> None:
    assert await enqueued(queries, "'fetch', dedupe_key => 'a'")
    with pytest.raises(asyncpg.UniqueViolationError, match="unique_dedupe_key"):
        await enqueued(queries, "'fetch', dedupe_key => 'a'")
    assert await enqueued(queries, "'fetch', dedupe_key => 'a', on_conflict => 'skip'") is None
    assert [each.status for each in await queries.queue_log()] == ["queued"]


async def test_a_call_belongs_to_the_transaction_of_its_caller(queue_dsn: str) -> None:
    with psycopg.connect(queue_dsn) as session:
        called = session.execute(
            "SELECT pgqueuer_enqueue(%s, payload_json => %s)", ("fetch", json.dumps([1]))
        ).fetchone()
        assert called is not None
        session.rollback()
        session.execute("SELECT pgqueuer_enqueue(%s, %b)", ("fetch", b"\0\\"))
        session.commit()
    async with open_queries(queue_dsn) as queries:
        assert [job.payload for job in await drained(queries, "fetch")] == [b"\0\\"]


async def test_psql_can_enqueue(queue_dsn: str, pg: TestPostgres) -> None:
    psql = shutil.which("psql", path=f"{pg.bindir or ''}{os.pathsep}{os.environ['PATH']}")
    if psql is None:
        pytest.skip("there is no psql here")
    command = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", queue_dsn, "-c", CALL % "'fetch', 'cat.png'"]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=True, timeout=30
    )
    async with open_queries(queue_dsn) as queries:
        [job] = await drained(queries, "fetch")
        assert (str(job.id), job.payload) == (done.stdout.strip(), b"cat.png")


async def test_the_function_finds_its_tables_under_any_search_path(queries: Queries) -> None:
    await queries.driver.execute("SET search_path TO pg_catalog")
    await queries.driver.execute("SELECT public.pgqueuer_enqueue('fetch')")
    await queries.driver.execute("RESET search_path")
    assert len(await drained(queries, "fetch")) == 1


@pytest.mark.parametrize("given", SETTINGS.values(), ids=SETTINGS.keys())
async def test_temporary_tables_of_the_caller_do_not_take_the_place_of_the_queue(
    dsn: str, given: dict[str, str]
) -> None:
    settings = DBSettings(**given)
    table = quote_identifier(settings.queue_table)
    async with open_queries(dsn, settings=settings) as queries:
        await queries.install()
        await queries.driver.execute(f"CREATE TEMP TABLE {table} (LIKE pg_class)")
        schema = settings.db_schema or "public"
        function = quote_identifier(f"{schema}.{settings.queue_table}_enqueue")
        await queries.driver.execute(f"SELECT {function}('fetch')")
        await queries.driver.execute(f"DROP TABLE pg_temp.{table}; RESET search_path")
        [waiting] = await queries.queue_size()
        assert (waiting.entrypoint, waiting.count) == ("fetch", 1)


async def test_an_empty_search_path_at_installation_is_fine_with_a_schema(dsn: str) -> None:
    async with open_queries(dsn, settings=DBSettings(db_schema="tenant")) as queries:
        await queries.driver.execute("SET search_path TO ''")
        await queries.install()
        await queries.driver.execute("SELECT tenant.pgqueuer_enqueue('fetch')")
        assert len(await queries.queue_size()) == 1


async def test_a_call_wakes_idle_workers(queries: Queries, queue_dsn: str) -> None:
    heard: asyncio.Queue[str | bytes | bytearray] = asyncio.Queue()
    await queries.driver.add_listener(queries.settings.channel, heard.put_nowait)
    async with open_queries(queue_dsn) as other:
        await enqueued(other, "'fetch'")
        message = json.loads(await asyncio.wait_for(heard.get(), 10))
    assert (message["type"], message["operation"]) == ("table_changed_event", "insert")


async def test_the_caller_needs_the_rights_that_the_guide_names(
    queries: Queries, pg: TestPostgres
) -> None:
    role = f"{pg.prefix()}_producer_{os.getpid()}"
    await queries.driver.execute(f"CREATE ROLE {role}; SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await enqueued(queries, "'fetch'")
    await queries.driver.execute(
        f"RESET ROLE; GRANT SELECT, INSERT ON pgqueuer TO {role};"
        f"GRANT INSERT ON pgqueuer_log TO {role};"
        f"GRANT USAGE ON SEQUENCE pgqueuer_id_seq TO {role}; SET ROLE {role}"
    )
    try:
        assert await enqueued(queries, "'fetch'")
        assert await enqueued(queries, "'fetch', dedupe_key => 'a', on_conflict => 'skip'")
    finally:
        await queries.driver.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


async def test_named_arguments_from_a_json_document_as_postgrest_sends_them(
    queries: Queries,
) -> None:
    body = {"entrypoint": "fetch", "payload_json": {"id": 1}, "priority": 2, "headers": None}
    [answer] = await queries.driver.fetch(
        "SELECT pgqueuer_enqueue(entrypoint => given.entrypoint, payload_json => "
        "given.payload_json, priority => given.priority, headers => given.headers) AS id "
        "FROM json_to_record($1::json) AS given "
        "(entrypoint text, payload_json jsonb, priority int, headers jsonb)",
        json.dumps(body),
    )
    found = await row(queries, answer["id"])
    assert (found["payload"], found["priority"], found["headers"]) == (b'{"id": 1}', 2, None)


async def test_a_plain_insert_is_claimed_run_and_settled(queries: Queries) -> None:
    await queries.driver.execute(
        "INSERT INTO pgqueuer (entrypoint, payload, priority, status) "
        "VALUES ('fetch', 'cat.png', 5, 'queued')"
    )
    [job] = await drained(queries, "fetch")
    assert (job.payload, job.priority, job.headers, job.attempts) == (b"cat.png", 5, None, 0)
    assert await queries.queue_size() == []
    assert [each.status for each in await queries.queue_log()] == ["picked", "successful"]


async def test_a_plain_insert_may_be_deferred_and_deduplicated(queries: Queries) -> None:
    insert = (
        "INSERT INTO pgqueuer (entrypoint, priority, status, execute_after, dedupe_key, headers) "
        "VALUES ('fetch', 0, 'queued', now() + interval '1 hour', 'once', '{}')"
    )
    await queries.driver.execute(insert)
    with pytest.raises(asyncpg.UniqueViolationError):
        await queries.driver.execute(insert)
    eta = await queries.next_deferred_eta(["fetch"])
    assert eta is not None
    assert eta > timedelta(minutes=59)
    [waiting] = await queries.queue_size()
    assert (waiting.status, waiting.count) == ("queued", 1)
