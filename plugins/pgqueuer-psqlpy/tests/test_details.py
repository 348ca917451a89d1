"""What the driver adds to psqlpy."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from psqlpy.exceptions import ConnectionExecuteError, DatabaseError

from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer_psqlpy import PsqlpyDriver, PsqlpyError, PsqlpyValueError, create_pool, open_psqlpy
from pgqueuer_psqlpy.connections import parameters_in

ERRORS = {
    "SELECT 1 / 0": "22012",
    "SELECT nothing": "42703",
    "SELECT nothing()": "42883",
    "SELEC": "42601",
    "CREATE TABLE pg_catalog.mine ()": "42501",
    "SELECT 'x'::int": "22P02",
    "CREATE TYPE int4range AS ENUM (); CREATE TABLE items (); CREATE TABLE items ()": "42P07",
    "DO $$ BEGIN RAISE deadlock_detected USING MESSAGE = 'deadlock detected'; END $$": "40P01",
}
JSON = ("5", "1.25", "true", '"text"', "null", "[1, 2]", '{"a": null}')


@pytest.fixture
async def driver(dsn: str) -> AsyncIterator[PsqlpyDriver]:
    async with open_psqlpy(ConnectionSettings(PGQUEUER_DSN=dsn)) as driver:
        yield driver


@pytest.mark.parametrize("statement", ERRORS)
async def test_errors_carry_the_code_of_the_server(driver: PsqlpyDriver, statement: str) -> None:
    with pytest.raises(PsqlpyError) as caught:
        await driver.execute(statement)

    assert caught.value.sqlstate == ERRORS[statement]
    assert isinstance(caught.value.__cause__, DatabaseError | ConnectionExecuteError)


async def test_a_violated_constraint_is_named_with_its_detail(driver: PsqlpyDriver) -> None:
    await driver.execute("CREATE TABLE items (id int CONSTRAINT single UNIQUE)")
    with pytest.raises(PsqlpyError) as caught:
        await driver.execute("INSERT INTO items VALUES ($1::int), ($1::int)", 7)

    assert (caught.value.constraint_name, caught.value.detail) == (
        "single",
        "Key (id)=(7) already exists.",
    )


async def test_a_value_that_does_not_fit_is_a_type_error(driver: PsqlpyDriver) -> None:
    with pytest.raises(PsqlpyValueError) as caught:
        await driver.fetch("SELECT $1::text[] AS names", "text")

    assert isinstance(caught.value, TypeError)
    assert caught.value.sqlstate == "22000"


@pytest.mark.parametrize("type_", ["json", "jsonb"])
@pytest.mark.parametrize("document", JSON)
async def test_any_json_document_is_sent_and_comes_as_text(
    driver: PsqlpyDriver, type_: str, document: str
) -> None:
    for _ in range(2):
        rows = await driver.fetch(f"SELECT $1::{type_} AS document", document)
        assert rows == [{"document": document}]


async def test_a_column_that_was_null_at_first_is_read_as_what_it_is(driver: PsqlpyDriver) -> None:
    query = "SELECT $1::uuid AS id, $2::int[] AS numbers"
    some = "0f0e0d0c-0b0a-0908-0706-050403020100"
    assert await driver.fetch(query, None, None) == [{"id": None, "numbers": None}]

    (row,) = await driver.fetch(query, some, [1, None])

    assert (str(row["id"]), type(row["id"]).__name__) == (some, "UUID")
    assert row["numbers"] == [1, None]


async def test_numbers_that_are_no_json_stay_numbers(driver: PsqlpyDriver) -> None:
    (row,) = await driver.fetch(
        "SELECT 12337::smallint AS a, 825373492 AS b, 'NaN'::float8 AS c, 0.1::float4 AS d"
    )

    assert (row["a"], row["b"]) == (12337, 825373492)
    assert math.isnan(row["c"])
    assert row["d"] == pytest.approx(0.1)


async def test_what_can_not_be_read_is_said(driver: PsqlpyDriver) -> None:
    with pytest.raises(PsqlpyError, match="cast the column"):
        await driver.fetch("SELECT 'pg_class'::regclass AS name")

    assert await driver.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_a_lost_connection_is_replaced_and_told(driver: PsqlpyDriver, dsn: str) -> None:
    told: asyncio.Queue[bool] = asyncio.Queue()
    heard: asyncio.Queue[object] = asyncio.Queue()
    driver.watch_listening(told.put_nowait)
    await driver.add_listener("channel", heard.put_nowait)
    pid, _ = await driver.backend_pids()

    async with open_psqlpy(ConnectionSettings(PGQUEUER_DSN=dsn)) as other, asyncio.timeout(30):
        await other.fetch("SELECT pg_terminate_backend($1::int) AS ended", pid)
        assert [await told.get(), await told.get()] == [False, True]
        await other.notify("channel", "again")
        assert await heard.get() == "again"

    assert (await driver.backend_pids())[0] != pid


async def test_a_loss_is_told_once_though_a_statement_learns_of_it_first(
    driver: PsqlpyDriver, dsn: str
) -> None:
    told: list[bool] = []
    listening = asyncio.Event()
    driver.watch_listening(told.append)
    driver.watch_listening(lambda listens: listening.set() if listens else None)
    await driver.add_listener("channel", print)

    with pytest.raises(PsqlpyError) as caught:
        await driver.fetch("SELECT pg_terminate_backend(pg_backend_pid()) AS ended")
    assert await driver.fetch("SELECT pg_listening_channels() AS name") == [{"name": "channel"}]

    async with asyncio.timeout(30):
        await listening.wait()
    assert caught.value.sqlstate in ("57P01", "08006")
    assert told == [False, True]


async def test_a_closed_driver_says_so(driver: PsqlpyDriver) -> None:
    assert not driver.closed
    await driver.close()

    assert driver.closed
    with pytest.raises(RuntimeError, match="closed"):
        await driver.fetch("SELECT 1 AS one")


async def test_the_environment_completes_the_settings(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = dict(pair.split("=", 1) for pair in dsn.split())
    for variable, name in {"PGHOST": "host", "PGUSER": "user", "PGDATABASE": "dbname"}.items():
        monkeypatch.setenv(variable, parts[name])
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    monkeypatch.setenv("PGAPPNAME", "from the environment")
    query = (
        "SELECT current_setting('search_path') AS path, current_setting('application_name') AS name"
    )

    async with open_psqlpy(ConnectionSettings()) as driver:
        assert await driver.fetch(query) == [{"path": "elsewhere", "name": "from the environment"}]
    async with open_psqlpy(ConnectionSettings(PGQUEUER_APPLICATION_NAME="mine")) as driver:
        assert (await driver.fetch(query))[0]["name"] == "mine"


async def test_a_server_that_is_not_there_is_told_by_its_code() -> None:
    settings = ConnectionSettings(PGQUEUER_DSN="postgresql://me@127.0.0.1:1/nothing")
    with pytest.raises(PsqlpyError) as caught:
        async with open_psqlpy(settings):
            pass

    assert caught.value.sqlstate == "08001"


def test_a_dsn_that_is_none_is_refused() -> None:
    with pytest.raises(PsqlpyError, match="bogus"):
        create_pool(ConnectionSettings(PGQUEUER_DSN="postgresql://me@host/db?bogus=1"))


def test_what_a_dsn_says_is_known_in_both_forms() -> None:
    assert parameters_in("postgresql://me:secret@host:5433/db?sslmode=require") == {
        *("user", "password", "host", "port", "dbname", "sslmode")
    }
    assert parameters_in("postgresql:///db?host=/run") == {"dbname", "host"}
    assert parameters_in("host=/run dbname = x") == {"host", "dbname"}
