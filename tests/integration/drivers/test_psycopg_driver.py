"""The drivers over psycopg connections: the socket, prepared statements, and other users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import psycopg
import pytest

from pgqueuer.adapters.drivers.psycopg import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.testing._driver.kit import Heard
from tests.support.driver_tests import admin_of, backend_of, terminate, until, until_sleeping


@asynccontextmanager
async def open_psycopg(
    dsn: str, **options: object
) -> AsyncIterator[tuple[psycopg.AsyncConnection, PsycopgDriver]]:
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, **options)
    async with connection:
        yield connection, PsycopgDriver(connection)


async def test_autocommit_is_required(dsn):
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        with pytest.raises(RuntimeError, match="autocommit=True"):
            PsycopgDriver(connection)


async def test_a_caller_that_commits_needs_no_autocommit(dsn):
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        driver = PsycopgDriver(connection, caller_commits=True)
        await driver.execute("CREATE TABLE items (id int)")
        await connection.rollback()
        assert await driver.fetch("SELECT to_regclass('items') AS found") == [{"found": None}]


async def test_a_connection_lost_while_idle_is_noticed_and_told_once(dsn, caplog):
    changes = []
    async with open_psycopg(dsn) as (_, driver), driver, admin_of(dsn) as admin:
        driver.watch_listening(changes.append)
        await driver.add_listener("channel", Heard())
        await terminate(admin, await backend_of(driver))
        await until(lambda: changes)

        assert driver.closed
        with pytest.raises(psycopg.OperationalError):
            await driver.fetch("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            await driver.add_listener("elsewhere", Heard())
    assert changes == [False]
    assert caplog.text.count("connection was lost") == 1


async def test_a_connection_lost_during_a_statement_is_told_once(dsn, caplog):
    changes = []
    async with open_psycopg(dsn) as (_, driver), driver, admin_of(dsn) as admin:
        driver.watch_listening(changes.append)
        await driver.add_listener("channel", Heard())
        pid = await backend_of(driver)
        sleep = asyncio.create_task(driver.fetch("SELECT pg_sleep(3600)"))
        await until_sleeping(admin, pid)
        await terminate(admin, pid)
        with pytest.raises(psycopg.OperationalError):
            await sleep
        await until(lambda: changes)

        assert driver.closed
    assert changes == [False]
    assert caplog.text.count("connection was lost") == 1


async def test_a_connection_closed_by_its_owner_is_not_lost(dsn, caplog):
    changes = []
    async with open_psycopg(dsn) as (connection, driver), driver:
        driver.watch_listening(changes.append)
        await driver.add_listener("channel", Heard())
        await connection.close()
        await until(lambda: not driver._reader.running)

        assert driver.closed
    assert changes == []
    assert caplog.text == ""


async def test_leaving_closes_the_duplicate_of_the_socket(dsn):
    async with open_psycopg(dsn) as (_, driver):
        async with driver, driver:
            await driver.add_listener("channel", Heard())
            assert driver._reader.running
        assert not driver._reader.running


async def test_notifications_that_come_with_statements_of_others_are_heard(dsn):
    heard, theirs = Heard(), Heard()
    async with open_psycopg(dsn) as (connection, driver), driver:
        connection.add_notify_handler(lambda notification: theirs(notification.payload))
        await driver.add_listener("channel", heard)
        for number in range(50):
            await connection.execute(f"NOTIFY channel, '{number}'")
            assert await heard.until(str(number)) == []
            assert await theirs.until(str(number)) == []


async def test_the_loop_is_not_kept_busy_while_nobody_reads(dsn):
    """As in a COPY, or a stream(), whose rows are slow."""
    heard = Heard()
    async with open_psycopg(dsn) as (connection, driver), driver, admin_of(dsn) as admin:
        calls = count_calls(driver._reader, "_readable")
        await driver.add_listener("channel", heard)
        async with connection.lock:
            await admin.execute("NOTIFY channel, 'mark'")
            await until(lambda: calls)
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert len(calls) < 500

        assert await heard.until("mark") == []
        await admin.execute("NOTIFY channel, 'later'")
        assert await heard.until("later") == []


def count_calls(owner: object, name: str) -> list[None]:
    calls: list[None] = []
    method = getattr(owner, name)

    def counted() -> None:
        calls.append(None)
        method()

    setattr(owner, name, counted)
    return calls


async def test_repeated_statements_are_prepared_once_whatever_the_size_of_numbers(dsn):
    async with open_psycopg(dsn) as (connection, driver):
        for number in (1, 300, 70_000, 2**40, None):
            for numbers in ([number], [], [None, number]):
                await driver.fetch("SELECT $1::bigint, $2::bigint[]", number, numbers)
                await driver.execute("SELECT $1::bigint", number)

        cursor = await connection.execute("SELECT statement FROM pg_prepared_statements")
        assert len(await cursor.fetchall()) == 2


async def test_nothing_is_prepared_where_the_owner_does_not_want_it(dsn):
    async with open_psycopg(dsn, prepare_threshold=None) as (connection, driver):
        for _ in range(10):
            await driver.fetch("SELECT $1::int", 1)

        cursor = await connection.execute("SELECT statement FROM pg_prepared_statements")
        assert await cursor.fetchall() == []


async def test_statements_that_the_server_forgot_are_prepared_again(dsn):
    async with open_psycopg(dsn) as (_, driver):
        for _ in range(3):
            await driver.fetch("SELECT $1::int AS number", 1)
        for number in range(20):
            # As a pooler does, behind the back of psycopg.
            await driver.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
            rows = await driver.fetch("SELECT $1::int AS number", number)
            assert rows == [{"number": number}]


async def test_a_failed_transaction_of_the_owner_is_left_to_the_owner(dsn):
    async with open_psycopg(dsn) as (connection, driver), admin_of(dsn) as admin:
        await driver.execute("CREATE TABLE items (id int)")
        for _ in range(3):
            await driver.fetch("SELECT * FROM items")
        await admin.execute("ALTER TABLE items ADD COLUMN name text")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            async with connection.transaction():
                await driver.fetch("SELECT * FROM items")
        assert await driver.fetch("SELECT * FROM items") == []


async def test_the_owners_own_statements_are_left_alone(dsn):
    async with open_psycopg(dsn) as (connection, driver):
        await driver.fetch("""SELECT '{"a": 1}'::jsonb AS value""")
        cursor = await connection.execute("""SELECT '{"a": 1}'::jsonb AS value""")

        assert await cursor.fetchall() == [({"a": 1},)]


async def test_settings_that_change_how_times_are_printed_do_no_harm(dsn):
    query = "SELECT '2024-02-03 04:05:06+00'::timestamptz AS time, '1 day 02:00'::interval AS pause"
    async with open_psycopg(dsn) as (_, plain), open_psycopg(dsn) as (connection, driver):
        await connection.execute("SET DateStyle TO 'German'")
        await connection.execute("SET IntervalStyle TO 'iso_8601'")
        await connection.execute("SET TimeZone TO 'Asia/Kathmandu'")
        expected = await plain.fetch(query)
        for _ in range(3):
            found = await driver.fetch(query)
            assert found == expected
            assert [row["time"].tzinfo for row in found] == [row["time"].tzinfo for row in expected]


async def test_infinite_times_are_read(dsn):
    query = "SELECT 'infinity'::timestamptz AS late, '-infinity'::timestamptz AS early"
    async with open_psycopg(dsn) as (_, driver):
        for _ in range(3):
            assert await driver.fetch(query) == [{"late": datetime.max, "early": datetime.min}]


async def test_times_that_python_can_not_tell_are_an_error(dsn):
    async with open_psycopg(dsn) as (_, driver):
        for _ in range(3):
            with pytest.raises(psycopg.DataError):
                await driver.fetch("SELECT '0044-03-15 BC'::timestamptz AS ides")


async def test_a_database_in_another_encoding_gets_utf8(pg):
    name = pg.create()
    pg.drop(name)
    pg.execute(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", name
    )
    try:
        async with open_psycopg(pg.dsn(name)) as (connection, driver):
            assert connection.info.encoding != "utf-8"
            for _ in range(3):
                rows = await driver.fetch("SELECT $1::text AS text", "naïve")
                assert rows == [{"text": "naïve"}]
            await driver.execute("CREATE TABLE items (name text, length int)")
            await driver.copy_rows("items", ["name"], ["text"], [("naïve",)])
            assert await driver.fetch("SELECT length(name) AS n FROM items") == [{"n": 5}]
        with psycopg.connect(pg.dsn(name), autocommit=True) as connection:
            rows = SyncPsycopgDriver(connection).fetch("SELECT $1::text AS text", "naïve")
            assert rows == [{"text": "naïve"}]
    finally:
        pg.drop(name)


async def test_wrong_values_have_the_sqlstate_that_asyncpg_gives(dsn):
    async with open_psycopg(dsn) as (_, driver):
        with pytest.raises(psycopg.DataError, match=r"\$2: 'x+\.\.\.x+'") as caught:
            await driver.fetch("SELECT $1::int, $2::bytea", 1, "x" * 1000)
        assert caught.value.sqlstate == "22000"


async def test_parameters_without_a_cast_are_left_to_psycopg(dsn):
    async with open_psycopg(dsn) as (_, driver):
        await driver.execute(
            "CREATE TABLE items (id bigint, tags text[], data bytea, at timestamptz)"
        )
        row = (5, ["a", None], b"\x00", datetime.now().astimezone())
        for _ in range(3):
            await driver.execute("INSERT INTO items VALUES ($1, $2, $3, $4)", *row)
            found = await driver.fetch("SELECT * FROM items WHERE id = $1 AND at = $2", 5, row[3])
            assert tuple(found[0].values()) == row


def test_the_synchronous_driver_fetches(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        driver = SyncPsycopgDriver(connection)
        driver.fetch("CREATE TABLE items (id int, data bytea)")
        for _ in range(7):
            rows = driver.fetch(
                "INSERT INTO items VALUES ($1::int, $2::bytea) RETURNING id, data", 1, b"x"
            )
            assert rows == [{"id": 1, "data": b"x"}]
        with pytest.raises(psycopg.DataError, match=r"\$2"):
            driver.fetch("INSERT INTO items VALUES ($1::int, $2::bytea)", 1, "text")


def test_the_synchronous_driver_needs_a_commit_that_is_sure_to_come(dsn):
    with psycopg.connect(dsn) as connection:
        with pytest.raises(RuntimeError, match="autocommit=True"):
            SyncPsycopgDriver(connection)
        with connection.transaction():
            driver = SyncPsycopgDriver(connection)
            driver.fetch("CREATE TABLE items (id int)")
        with pytest.raises(RuntimeError, match="autocommit=True"):
            driver.fetch("SELECT 1")
        with psycopg.connect(dsn, autocommit=True) as other:
            assert SyncPsycopgDriver(other).fetch("SELECT id FROM items") == []
