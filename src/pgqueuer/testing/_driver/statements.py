"""Rows, statuses and errors."""

from __future__ import annotations

import asyncio

import pytest

from pgqueuer.ports.driver import ConnectionLiveness, Driver
from pgqueuer.testing._driver.kit import PATIENCE, DriverKit, OpenDriver, exists, needs, only


class StatementTests(DriverKit):
    async def test_it_has_what_a_driver_has(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            assert isinstance(driver, Driver)
            assert isinstance(driver.shutdown, asyncio.Event)
            assert isinstance(driver.tm.tasks, set)

    @needs("has_sql")
    async def test_an_open_connection_is_not_closed(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            await driver.fetch("SELECT 1 AS one")

            assert not (isinstance(driver, ConnectionLiveness) and driver.closed)

    @needs("has_sql")
    async def test_rows_are_dictionaries_in_the_order_of_columns(
        self, open_driver: OpenDriver
    ) -> None:
        async with open_driver() as driver:
            rows = await driver.fetch(
                "SELECT i AS number, 'x' || i AS name FROM generate_series(1, $1::int) AS t (i)", 3
            )

        assert rows == [{"number": i, "name": f"x{i}"} for i in (1, 2, 3)]
        assert all(type(row) is dict and list(row) == ["number", "name"] for row in rows)

    @needs("has_sql")
    async def test_a_statement_without_rows_gives_none(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            assert await driver.fetch("CREATE TABLE items (id int)") == []
            for _ in range(3):
                assert await driver.fetch("SELECT id FROM items") == []
                assert await driver.fetch("DELETE FROM items") == []

    @needs("has_sql", "tells_status")
    async def test_execute_gives_the_status(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            assert await driver.execute("CREATE TABLE items (id int)") == "CREATE TABLE"
            for _ in range(3):
                insert = "INSERT INTO items SELECT generate_series(1, $1::int)"
                assert await driver.execute(insert, 2) == "INSERT 0 2"
            assert await driver.execute("UPDATE items SET id = $1::int", 0) == "UPDATE 6"

    @needs("has_sql")
    async def test_several_statements_run_as_one(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            status = await driver.execute(
                "CREATE TABLE items (id int); INSERT INTO items VALUES (1), (2); DELETE FROM items"
            )

            assert status == "DELETE 2" or not self.tells_status
            assert await exists(driver, "items")

            with pytest.raises(Exception, match="nowhere"):
                await driver.execute("DROP TABLE items; DROP TABLE nowhere")
            assert await exists(driver, "items")

    @needs("has_sql")
    async def test_statements_commit_by_themselves(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver, open_driver() as other:
            await driver.execute("CREATE TABLE items (id int)")
            await driver.fetch("INSERT INTO items VALUES ($1::int) RETURNING id", 1)

            assert await only(other, "SELECT id FROM items") == 1

    @needs("has_sql")
    async def test_calls_at_the_same_time_get_their_own_answers(
        self, open_driver: OpenDriver
    ) -> None:
        query = "SELECT $1::int AS number, pg_sleep($2::float8) IS NULL AS slept"
        async with open_driver() as driver, asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(
                *(driver.fetch(query, number, number % 3 / 1000) for number in range(40))
            )

        assert [row["number"] for (row,) in answers] == list(range(40))

    @needs("has_sql")
    async def test_a_unique_violation_has_its_sqlstate(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            await driver.execute("CREATE TABLE items (id int CONSTRAINT one_of_a_kind UNIQUE)")
            insert = "INSERT INTO items VALUES ($1::int)"
            await driver.execute(insert, 1)

            for run in (driver.execute, driver.fetch):
                with pytest.raises(Exception, match="one_of_a_kind") as caught:
                    await run(insert, 1)
                assert getattr(caught.value, "sqlstate", None) == "23505"

    @needs("has_sql")
    async def test_a_failure_does_no_harm_to_later_calls(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            with pytest.raises(Exception, match="nowhere") as caught:
                await driver.fetch("SELECT * FROM nowhere")

            assert getattr(caught.value, "sqlstate", None) == "42P01"
            assert await only(driver, "SELECT $1::int AS number", 7) == 7

    @needs("has_sql")
    async def test_a_cancelled_call_does_no_harm_to_later_ones(
        self, open_driver: OpenDriver
    ) -> None:
        async with open_driver() as driver, asyncio.timeout(PATIENCE):
            call = asyncio.create_task(driver.fetch("SELECT pg_sleep(3600)"))
            done, _ = await asyncio.wait({call}, timeout=0.1)
            assert not done
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

            assert await only(driver, "SELECT $1::int AS number", 7) == 7

    @needs("has_sql")
    async def test_a_table_may_change_between_calls(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver, open_driver() as other:
            await other.execute("CREATE TABLE items (id int); INSERT INTO items VALUES (1)")
            for _ in range(8):
                assert await driver.fetch("SELECT * FROM items") == [{"id": 1}]

            await other.execute("ALTER TABLE items ADD COLUMN name text DEFAULT 'x'")
            assert await driver.fetch("SELECT * FROM items") == [{"id": 1, "name": "x"}]
            await other.execute("ALTER TABLE items ALTER COLUMN id TYPE text")
            assert await driver.fetch("SELECT * FROM items") == [{"id": "1", "name": "x"}]
