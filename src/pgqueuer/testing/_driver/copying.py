"""Rows by COPY: all of them or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from pgqueuer.ports.driver import Driver
from pgqueuer.testing._driver.kit import DriverKit, OpenDriver, copier, needs, only

TABLE = '"Odd.Schema"."Items"'
COLUMNS = ("id", "Odd name", "mood", "payload", "created", "pause", "owner", "extra")
TYPES = ("int8", "text", "mood", "bytea", "timestamptz", "interval", "uuid", "jsonb")
NOON = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
OWNER = UUID("0f0e0d0c-0b0a-0908-0706-050403020100")


def row_of(number: int) -> tuple[object, ...]:
    """A row with a value in every column."""
    pause = timedelta(seconds=number)
    return (number, f"naïve {number}", "fine", b"\x00\xff", NOON, pause, OWNER, '{"a": 1}')


async def create_table(driver: Driver) -> None:
    """A table and columns that must be quoted, and an enum."""
    await driver.execute(
        """
        CREATE TYPE mood AS ENUM ('fine', 'so so');
        CREATE SCHEMA "Odd.Schema";
        CREATE TABLE "Odd.Schema"."Items" (
            id int8 PRIMARY KEY, "Odd name" text, mood mood, payload bytea, created timestamptz,
            pause interval, owner uuid, extra jsonb, filled int DEFAULT 7
        )
        """
    )


class CopyTests(DriverKit):
    @needs("can_copy")
    async def test_rows_arrive_as_they_were_sent(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            await create_table(driver)
            rows = [row_of(1), (2, *[None] * 7)]

            assert await copier(driver).copy_rows(TABLE, COLUMNS, TYPES, rows) == 2

            found = await driver.fetch(
                'SELECT id, "Odd name", mood::text, payload, created, pause, owner, extra::text,'
                ' filled FROM "Odd.Schema"."Items" ORDER BY id'
            )
            assert [tuple(row.values()) for row in found] == [(*row, 7) for row in rows]

    @needs("can_copy")
    async def test_no_rows_are_fine(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            await create_table(driver)

            assert await copier(driver).copy_rows(TABLE, COLUMNS, TYPES, []) == 0

    @needs("can_copy")
    async def test_rows_may_come_one_by_one(self, open_driver: OpenDriver) -> None:
        async def rows() -> AsyncIterator[tuple[object, ...]]:
            for number in range(30_000):
                yield (number, "x" * 50)

        async with open_driver() as driver:
            await create_table(driver)

            copied = await copier(driver).copy_rows(TABLE, COLUMNS[:2], TYPES[:2], rows())

            assert copied == 30_000
            assert await count(driver) == 30_000

    @needs("can_copy")
    async def test_a_source_that_fails_leaves_nothing_behind(self, open_driver: OpenDriver) -> None:
        async def rows() -> AsyncIterator[tuple[object, ...]]:
            for number in range(5_000):
                yield (number, "x" * 50)
            raise ValueError("on purpose")

        async with open_driver() as driver:
            await create_table(driver)

            with pytest.raises(ValueError, match="on purpose"):
                await copier(driver).copy_rows(TABLE, COLUMNS[:2], TYPES[:2], rows())
            assert await count(driver) == 0

    @needs("can_copy")
    @pytest.mark.parametrize(
        "bad", [(5_000, b"bytes"), ("text", "x"), (2**63, "x"), (0, "a duplicate key")]
    )
    async def test_a_row_that_does_not_fit_leaves_nothing_behind(
        self, open_driver: OpenDriver, bad: tuple[object, ...]
    ) -> None:
        async with open_driver() as driver:
            await create_table(driver)
            rows: list[tuple[object, ...]] = [(number, "x" * 50) for number in range(5_000)]

            with pytest.raises(Exception, match=r".") as caught:
                await copier(driver).copy_rows(TABLE, COLUMNS[:2], TYPES[:2], [*rows, bad])
            assert await count(driver) == 0
            if bad[0] == 0:
                assert getattr(caught.value, "sqlstate", None) == "23505"


async def count(driver: Driver) -> int:
    """How many rows the table has."""
    found = await only(driver, 'SELECT count(*) AS rows FROM "Odd.Schema"."Items"')
    assert isinstance(found, int)
    return found
