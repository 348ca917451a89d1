"""Values come back as they were sent, whether a statement is new or prepared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from pgqueuer.testing._driver.kit import DriverKit, OpenDriver, needs, only

ID = UUID("0f0e0d0c-0b0a-0908-0706-050403020100")
NOON = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
EVERY_BYTE = bytes(range(256))
TEXTS = ["", "x", "naïve 日本 🐘", "back\\slash", '"', "'", "{", ",", "NULL", " ", "\n"]
TIMES = 7
"""Drivers treat a statement differently once they have seen it a few times."""

ROUND_TRIPS: list[tuple[str, object]] = [
    ("boolean", True),
    ("boolean", False),
    ("smallint", -(2**15)),
    ("int", 2**31 - 1),
    ("bigint", -(2**63)),
    ("float8", 0.1),
    *(("text", text) for text in TEXTS),
    ("bytea", b""),
    ("bytea", EVERY_BYTE),
    ("uuid", ID),
    ("timestamptz", NOON),
    ("timestamptz", datetime(1, 1, 2, tzinfo=UTC)),
    ("timestamptz", datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)),
    ("interval", timedelta(0)),
    ("interval", timedelta(days=40, seconds=5, microseconds=7)),
    ("interval", timedelta(microseconds=-1)),
    ("int[]", [1, None, -3]),
    ("bigint[]", [2**40, 1]),
    ("text[]", [*TEXTS, None]),
    ("bytea[]", [None, b"", EVERY_BYTE]),
    ("uuid[]", [ID, None]),
    ("timestamptz[]", [NOON, None]),
    ("interval[]", [timedelta(days=1, seconds=1), None, timedelta(seconds=-90)]),
]
ARRAYS = ["boolean", "int", "bigint", "text", "bytea", "uuid", "timestamptz", "interval"]

WRONG: list[tuple[str, object]] = [
    ("bytea", "text"),
    ("bytea[]", ["text"]),
    ("bytea", 5),
    ("text", b"bytes"),
    ("text[]", [b"bytes"]),
    ("text", 5),
    ("text[]", "text"),
    ("text[]", {"text": 1}),
    ("int", "5"),
    ("int[]", ["5"]),
    ("int", 2**31),
    ("bigint[]", [2**63]),
    ("boolean", 1),
    ("timestamptz", "2024-01-01"),
    ("interval", "1 day"),
    ("interval", 5),
    ("uuid", "nonsense"),
]


class ValueTests(DriverKit):
    @needs("has_sql")
    @pytest.mark.parametrize(("type_", "value"), ROUND_TRIPS)
    async def test_a_value_comes_back(
        self, open_driver: OpenDriver, type_: str, value: object
    ) -> None:
        async with open_driver() as driver:
            for _ in range(TIMES):
                found = await only(driver, f"SELECT $1::{type_} AS value", value)
                assert found == value
                assert isinstance(found, type(value))
                if isinstance(value, list) and isinstance(found, list):
                    assert all(
                        isinstance(item, type(sent))
                        for item, sent in zip(found, value, strict=True)
                    )

    @needs("has_sql")
    @pytest.mark.parametrize("type_", ARRAYS)
    async def test_nothing_comes_back_as_nothing(self, open_driver: OpenDriver, type_: str) -> None:
        query = (
            f"SELECT $1::{type_} AS nothing, $2::{type_}[] AS no_list, $3::{type_}[] AS empty,"
            f" $4::{type_}[] AS nothings"
        )
        async with open_driver() as driver:
            for _ in range(TIMES):
                (row,) = await driver.fetch(query, None, None, [], [None, None])
                assert row == {
                    "nothing": None,
                    "no_list": None,
                    "empty": [],
                    "nothings": [None, None],
                }

    @needs("has_sql")
    async def test_lists_of_any_length_unnest_side_by_side(self, open_driver: OpenDriver) -> None:
        query = (
            "SELECT count(*) AS rows, sum(a) AS a, max(b) AS b, sum(length(c)) AS c, max(d) AS d"
            " FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::interval[]) AS t (a, b, c, d)"
        )
        async with open_driver() as driver:
            for size in (1, 300, 2000):
                numbers = list(range(size))
                (row,) = await driver.fetch(
                    query,
                    numbers,
                    [f"{number:05}" for number in numbers],
                    [b"xyz"] * size,
                    [timedelta(seconds=number) for number in numbers],
                )
                assert row == {
                    "rows": size,
                    "a": sum(numbers),
                    "b": f"{size - 1:05}",
                    "c": 3 * size,
                    "d": timedelta(seconds=size - 1),
                }

    @needs("has_sql")
    async def test_times_are_aware_whatever_zone_they_are_given_in(
        self, open_driver: OpenDriver
    ) -> None:
        given = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
        async with open_driver() as driver:
            for _ in range(TIMES):
                found = await only(driver, "SELECT $1::timestamptz AS time", given)
                assert found == NOON
                assert found.tzinfo is not None

    @needs("has_sql")
    async def test_json_comes_as_text(self, open_driver: OpenDriver) -> None:
        value = {"text": "naïve \\ 🐘", "list": [1, None, {"deep": True}]}
        async with open_driver() as driver:
            for _ in range(TIMES):
                found = await only(driver, "SELECT $1::text::jsonb AS value", json.dumps(value))
                assert isinstance(found, str)
                assert json.loads(found) == value

    @needs("has_sql")
    async def test_an_enum_comes_as_text(self, open_driver: OpenDriver) -> None:
        async with open_driver() as driver:
            await driver.execute("CREATE TYPE mood AS ENUM ('fine', 'so so')")
            for _ in range(TIMES):
                assert await only(driver, "SELECT $1::text::mood AS mood", "so so") == "so so"
                assert await only(driver, "SELECT 'so so'::mood::text AS mood") == "so so"

    @needs("has_sql", "refuses_wrong_types")
    @pytest.mark.parametrize(("type_", "value"), WRONG)
    async def test_a_value_of_another_type_is_refused(
        self, open_driver: OpenDriver, type_: str, value: object
    ) -> None:
        async with open_driver() as driver:
            for _ in range(2):
                with pytest.raises(Exception, match=r"\$1|argument") as caught:
                    await driver.fetch(f"SELECT $1::{type_} AS value", value)
                assert isinstance(caught.value, Exception)

            assert await only(driver, f"SELECT $1::{type_} IS NULL AS value", None) is True
