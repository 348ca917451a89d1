"""Names and payloads are data: they come back as they were, or are refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.adapters.persistence.sqltext import quote_identifier, quote_literal
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.domain.settings import DBSettings
from pgqueuer.models import CronExpressionEntrypoint
from pgqueuer.queries import Queries
from pgqueuer.testing.repository import Store
from pgqueuer.types import CronEntrypoint, CronExpression, QueueEntrypoint, QueueManagerId
from tests.support.schema import Manager

T = TypeVar("T")
HOUR = timedelta(hours=1)
PIECES = (
    "'", "''", '"', "\\", "\\'", "$$", "$1", "$x$", ";", "--", "/*", "*/", "%s", "%", "{}", ":x",
    ":'channel'", ':"queue_table"', "E'", "U&'", "NULL", "\n", "\r", "\t", "\x1b[2J", "\u202e",
    "\ufeff", "é", "e\u0301", "🐘", "\U0010ffff", "\x00", "\ud800", "a", "0", " ",
    ".", ",", "(", ")", "'; DROP TABLE pgqueuer; --", "a" * 63, "🐘" * 16,
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=8).map("".join)
QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Place:
    """A store with a row that nothing may touch, and the loop in which it is used."""

    def __init__(self, runner: asyncio.Runner, store: Store) -> None:
        self.runner = runner
        self.store = store
        self.canary = self.run(store.enqueue("canary", b"alive"))[0]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def is_untouched(self) -> bool:
        (job,) = self.run(self.store.browse_queue(entrypoints=["canary"]))
        return (job.id, job.payload, job.status) == (self.canary, b"alive", "queued")


@pytest.fixture(params=["asyncpg", "psycopg", "memory"])
def place(request: pytest.FixtureRequest, queue_dsn: str) -> Iterator[Place]:
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        match request.param:
            case "asyncpg":
                connection = runner.run(asyncpg.connect(queue_dsn))
                stack.callback(lambda: runner.run(connection.close()))
                store: Any = Queries(AsyncpgDriver(connection))
            case "psycopg":
                other = runner.run(psycopg.AsyncConnection.connect(queue_dsn, autocommit=True))
                stack.callback(lambda: runner.run(other.close()))
                store = Queries(PsycopgDriver(other))
            case _:
                store = InMemoryQueries(InMemoryDriver())
        yield Place(runner, store)


def is_storable(*texts: str) -> bool:
    """Whether PostgreSQL has a form for the text."""
    try:
        return "\x00" not in "".join(texts).encode().decode()
    except UnicodeEncodeError:
        return False


@QUICK
@given(
    TEXTS,
    TEXTS,
    TEXTS,
    st.binary(max_size=40) | TEXTS.map(lambda text: text.encode("utf-8", "replace")),
)
@example("'; DELETE FROM pgqueuer; --", "\\", "$$", b"'; --")
def test_a_job_comes_back_as_it_was(place, entrypoint, key, header, payload):
    store, run = place.store, place.run
    assume(entrypoint != "canary")
    try:
        (job_id,) = run(
            store.enqueue(entrypoint, payload, dedupe_key=key or None, headers={header: [header]})
        )
    except ValueError:
        assert not (entrypoint and is_storable(entrypoint, key, header))
        assert [row.entrypoint for row in run(store.queue_size())] == ["canary"]
        return
    try:
        (job,) = run(store.browse_queue(entrypoints=[entrypoint]))
        assert (job.id, job.entrypoint, job.payload) == (job_id, entrypoint, payload)
        assert job.headers == json.loads(json.dumps({header: [header]}))
        assert job_id in {each.id for each in run(store.browse_queue(search=entrypoint))}
        assert run(store.browse_queue(search=entrypoint + "\x00")) == []
        assert run(store.enqueue(entrypoint, None, dedupe_key=key, on_conflict="skip")) == (
            [None] if key else [job_id + 1]
        )
        name = QueueEntrypoint(entrypoint)
        request = ClaimRequest(
            owner=QueueManagerId(uuid4()),
            batch_size=9,
            entrypoints={name: EntrypointTerms(concurrency_limit=9)},
        )
        assert {each.entrypoint for each in run(store.claim(request))} == {entrypoint}
        assert run(store.job_status([job_id]))[0].status == "picked"
        assert {row.entrypoint for row in run(store.throughput_summary())} == {"canary", entrypoint}
    finally:
        run(store.clear_queue(entrypoint))
        run(store.clear_queue_log(entrypoint))
        run(store.clear_statistics_log([entrypoint]))
    assert {row.entrypoint for row in run(store.queue_log())} == {"canary"}
    assert place.is_untouched()


@QUICK
@given(TEXTS.filter(is_storable), TEXTS.filter(is_storable))
@example("'; DELETE FROM pgqueuer_schedules; --", "\\")
def test_a_schedule_comes_back_as_it_was(place, entrypoint, expression):
    store, run = place.store, place.run
    key = CronExpressionEntrypoint(CronEntrypoint(entrypoint), CronExpression(expression))
    other = CronExpressionEntrypoint(CronEntrypoint(entrypoint + "x"), CronExpression(expression))
    run(store.insert_schedule({key: timedelta(0), other: HOUR}))
    (due,) = run(store.fetch_schedule({key: HOUR, other: HOUR}))
    assert (due.entrypoint, due.expression) == key[::1]
    run(store.pause_schedule(set(), {key.entrypoint}))
    assert {row.entrypoint: row.paused for row in run(store.peek_schedule())} == {
        key.entrypoint: True,
        other.entrypoint: False,
    }
    run(store.delete_schedule(set(), {key.entrypoint}))
    assert [row.entrypoint for row in run(store.peek_schedule())] == [other.entrypoint]
    run(store.clear_schedule())
    assert place.is_untouched()


@pytest.mark.parametrize("place", ["asyncpg"], indirect=True)
@QUICK
@given(TEXTS, TEXTS, TEXTS)
def test_the_function_takes_text_as_data(place, entrypoint, key, document):
    assume(is_storable(entrypoint, key, document) and entrypoint not in ("", "canary"))
    statement = """
        SELECT pgqueuer_enqueue(
            $1::text, dedupe_key => $2::text, payload_json => to_jsonb($3::text),
            headers => jsonb_build_object($3::text, $2::text)
        ) AS id
    """
    (row,) = place.run(place.store.driver.fetch(statement, entrypoint, key, document))
    job = place.run(place.store.queue_job_by_id(row["id"]))
    place.run(place.store.clear_queue(entrypoint))
    assert (job.entrypoint, job.headers) == (entrypoint, {document: key})
    assert json.loads(job.payload) == document
    assert place.is_untouched()


@pytest.mark.parametrize("place", ["asyncpg"], indirect=True)
@QUICK
@given(TEXTS.filter(is_storable))
def test_quoting_leaves_a_name_as_it_is(place, text):
    statement = f"SELECT {quote_literal(text)}::text AS value"
    assert place.run(place.store.driver.fetch(statement)) == [{"value": text}]
    name = text.replace(".", "").encode()[:63].decode(errors="ignore")
    assume(name)
    rows = place.run(place.store.driver.fetch(f"SELECT 1 AS {quote_identifier(name)}"))
    assert rows == [{name: 1}]


IDENTIFIERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,22}", fullmatch=True)
NAMES = TEXTS | IDENTIFIERS


@settings(max_examples=300, deadline=None)
@given(NAMES, NAMES, NAMES, NAMES)
def test_a_name_that_is_no_identifier_is_refused(prefix, schema, channel, table):
    try:
        accepted = DBSettings(
            prefix=prefix, db_schema=schema, channel=channel, queue_table=table, trigger=table
        )
    except ValueError:
        return
    for name in (accepted.prefix, accepted.db_schema or "", accepted.queue_table):
        assert name.replace("_", "a").isalnum() or not name
        assert name.isascii()
        assert len(name) <= 63
    assert not set(accepted.channel) & set("'\"\\; $%\n\x00")


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(prefix=IDENTIFIERS, schema=IDENTIFIERS, channel=IDENTIFIERS)
@example(prefix="A" * 23, schema="s" * 63, channel="c" * 63)
@example(prefix="select_", schema="table", channel="user")
def test_a_queue_works_under_every_name_that_is_accepted(dsn, prefix, schema, channel):
    assume(not schema.lower().startswith("pg_") and schema.lower() != "information_schema")
    names = DBSettings(prefix=prefix, db_schema=schema, channel=channel)

    async def use() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            driver = AsyncpgDriver(connection)
            manager = Manager(driver, names)
            await manager.install()
            assert await manager.verify() == []
            queries = Queries(driver, qbe=QueryBuilderEnvironment(names))
            heard: list[object] = []
            async with driver:
                await driver.add_listener(channel, heard.append)
                (job_id,) = await queries.enqueue("job", b"x")
                assert await queries.queue_job_by_id(job_id)
                while not heard:
                    await driver.fetch("SELECT 1")
            await manager.uninstall()
            assert await manager.verify("absent") == []
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        runner.run(use())
